"""A project whose commands really train and predict, in the stack of the tests themselves."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.adapters.store.directory import DirectoryStore
from seatrial.journal import open_journal
from seatrial.ports import Runtime
from seatrial.records import CommandSpec, Resources, SplitResult, StackSpec, TrainSpec
from seatrial.retrain.commands import Place
from seatrial.trial.tools import Tools
from seatrial.trial.workspace import create_run, open_workspace

MEANS = """
import csv, json, os, pathlib
rows = list(csv.DictReader(open(os.environ["SEATRIAL_DATA"])))
by_movie = {}
for row in rows:
    by_movie.setdefault(row["movie"], []).append(float(row["rating"]))
print(f"trained on {len(rows)} rows", flush=True)
model = {movie: sum(stars) / len(stars) for movie, stars in by_movie.items()}
pathlib.Path(os.environ["SEATRIAL_OUTPUT"], "means.json").write_text(json.dumps(model, sort_keys=True))
"""
ASK = """
import csv, json, os
model = json.load(open(os.environ["SEATRIAL_MODEL"]))
rows = csv.DictReader(open(os.environ["SEATRIAL_DATA"]))
with open(os.environ["SEATRIAL_OUTPUT"], "w") as out:
    print("prediction", file=out)
    for row in rows:
        assert "rating" not in row
        print(model.get(row["movie"], 3.0), file=out)
"""


def command(code: str, *, timeout: float = 60.0) -> CommandSpec:
    """A command that runs this Python."""
    quoted = code.replace("'", "'\\''")
    return CommandSpec(run=f"python -c '{quoted}'", timeout=timeout)


def spec(
    train: str = MEANS, predict: str = ASK, *, timeout: float = 60.0, memory: int | None = None, **more: Any
) -> TrainSpec:
    """How this project trains and predicts."""
    made = TrainSpec(
        train=command(train, timeout=timeout),
        predict=command(predict, timeout=timeout),
        label="rating",
        format="csv",
        stack=StackSpec(host=True),
        resources=Resources(memory=memory),
    )
    return replace(made, **more)


def split_of(folder: Path, train: str, test: str = "") -> SplitResult:
    """Files of rows, as a split would give them."""
    train_file, test_file = folder / "train.csv", folder / "heldout.csv"
    train_file.write_text(train)
    test_file.write_text(test)
    return SplitResult(
        train_file=str(train_file),
        test_file=str(test_file),
        truth_file="",
        train_rows=train.count("\n") - 1,
        test_rows=max(0, test.count("\n") - 1),
        train_digest="",
        test_digest="",
    )


def never() -> bool:
    """Nobody stops it."""
    return False


@contextmanager
def opened(
    folder: Path,
    *,
    stop: Callable[[], bool] = never,
    watch: Callable[[str], None] = lambda _line: None,
    runtime: Runtime | None = None,
    secrets: dict[str, str] | None = None,
) -> Iterator[Place]:
    """A place in a project at `folder`, for one run."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    clock = SystemClock()
    workspace = open_workspace(project)
    journal = open_journal(workspace.root, clock)
    try:
        tools = Tools(
            project=project,
            workspace=workspace,
            clock=clock,
            runtime=runtime or ProcessRuntime(),
            store=DirectoryStore(workspace.store),
            journal=journal,
            stacks=folder / "stacks",
            machine={},
        )
        yield Place(
            tools=tools,
            store=tools.store,
            environ={**os.environ, **(secrets or {})},
            folder=create_run(workspace, clock).root,
            seed=7,
            stop=stop,
            watch=watch,
        )
    finally:
        journal.close()
