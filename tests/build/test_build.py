"""Builds run once per digest of their inputs."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.adapters.store.directory import DirectoryStore
from seatrial.records import BuildSpec, PermanentError, UsageError
from seatrial.trial.build.builds import BuildFailedError, BuildOutcome, Builds, build_key
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.products import Entry
from seatrial.trial.build.stack import Stack

TRAIN = """
import os, pathlib
with open(os.environ["COUNT"], "a") as count:
    count.write("trained\\n")
data = pathlib.Path("data.csv").read_text()
pathlib.Path("models").mkdir(exist_ok=True)
pathlib.Path("models/model.bin").write_bytes(data.upper().encode())
print("trained on", len(data))
"""
SPEC = BuildSpec(run="$PYTHON train.py", inputs=("train.py", "data.csv"))
STACK = Stack(digest="sha256:stack", declared="host", python=Path("p"), bin=Path("b"), prefix=None, host=True)


class Trial:
    """Builds of one trial on a shared index and store."""

    def __init__(self, root: Path, commands: Commands) -> None:
        self.root = root
        self.commands = commands
        self.store = DirectoryStore(root / "store")
        self.builds = self.another()
        self.count = root / "count"

    def another(self) -> Builds:
        """The builds of a later trial."""
        return Builds(self.root / "builds", self.store, self.commands)

    def checkout(self, name: str, data: str = "a,b\n") -> Path:
        """A fresh checkout of the project."""
        folder = self.root / name
        folder.mkdir()
        (folder / "train.py").write_text(TRAIN)
        (folder / "data.csv").write_text(data)
        (folder / "README").write_text(name)
        return folder

    def run(
        self,
        folder: Path,
        spec: BuildSpec = SPEC,
        *,
        declared: dict[str, str] | None = None,
        builds: Builds | None = None,
    ) -> BuildOutcome:
        """Build in a checkout."""
        env = {"PYTHON": sys.executable, "COUNT": str(self.count), **(declared or {})}
        return (builds or self.builds).run(
            spec, folder, stack=STACK, declared=declared or {}, env=env, log=self.root / "log", where="forest@candidate"
        )

    @property
    def trained(self) -> int:
        """How often the command ran."""
        return len(self.count.read_text().splitlines()) if self.count.exists() else 0


@pytest.fixture
def trial(tmp_path: Path, commands: Commands) -> Trial:
    """A trial without any build so far."""
    return Trial(tmp_path, commands)


def test_unchanged_inputs_are_not_built_again(trial: Trial) -> None:
    """Another checkout, in a later trial, gets the same products; a file that is no input may differ."""
    one, two = trial.checkout("one"), trial.checkout("two")
    first = trial.run(one)
    second = trial.run(two, builds=trial.another())
    assert (first.cached, second.cached) == (False, True)
    assert first.digest == second.digest
    assert trial.trained == 1
    assert (two / "models/model.bin").read_bytes() == b"A,B\n"
    assert (two / "README").read_text() == "two"


@pytest.mark.parametrize("change", ["data", "command", "env"])
def test_changed_inputs_are_built_again(trial: Trial, change: str) -> None:
    """Data, command and declared environment all count."""
    trial.run(trial.checkout("one"))
    again = trial.checkout("two", data="other\n" if change == "data" else "a,b\n")
    spec = BuildSpec(run="$PYTHON -u train.py", inputs=SPEC.inputs) if change == "command" else SPEC
    outcome = trial.run(again, spec, declared={"MODEL": "forest"} if change == "env" else {})
    assert not outcome.cached
    assert trial.trained == 2


PATHS = st.sampled_from(["train.py", "data/a.csv", "data/deep/b.csv", "notes.md"])
TREES = st.dictionaries(PATHS, st.sampled_from(["1", "2"]), max_size=4)


@settings(deadline=None)
@given(before=TREES, after=TREES)
def test_the_digest_changes_exactly_with_the_inputs(before: dict[str, str], after: dict[str, str]) -> None:
    """Files that match `inputs` count, by path and content; others don't."""
    spec = BuildSpec(run="train", inputs=("train.py", "data/**", "!data/deep/"))
    counted = [{path: tree[path] for path in tree if path in {"train.py", "data/a.csv"}} for tree in (before, after)]
    keys = [
        build_key(spec, {path: Entry("file", digest) for path, digest in tree.items()}, stack="s", declared={})
        for tree in (before, after)
    ]
    assert (counted[0] == counted[1]) == (keys[0] == keys[1])


def test_the_products_are_no_inputs(trial: Trial) -> None:
    """A second cell with the same build in the same checkout is spared it, though `inputs` takes every file."""
    spec = BuildSpec(run=SPEC.run)
    folder = trial.checkout("one")
    assert (False, True) == (trial.run(folder, spec).cached, trial.run(folder, spec).cached)
    assert trial.trained == 1


def test_the_same_build_in_two_checkouts_at_once_runs_once(trial: Trial) -> None:
    """The second waits and gets the products of the first."""
    folders = [trial.checkout("one"), trial.checkout("two")]
    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(trial.run, folders))
    assert sorted(outcome.cached for outcome in outcomes) == [False, True]
    assert trial.trained == 1
    assert all((folder / "models/model.bin").read_bytes() == b"A,B\n" for folder in folders)


def test_a_file_that_the_build_removes_is_removed_again(trial: Trial) -> None:
    """What a build leaves behind includes what it takes away."""
    spec = BuildSpec(run="rm README")
    one, two = trial.checkout("one"), trial.checkout("one-again")
    (two / "README").write_text("one")
    trial.run(one, spec)
    assert trial.run(two, spec).cached
    assert not (two / "README").exists()


def test_a_changed_source_comes_back_changed(trial: Trial) -> None:
    """A build may rewrite a file of the repository; restoring does too."""
    spec = BuildSpec(run="""$PYTHON -c "open('data.csv', 'a').write('more')" """, inputs=("data.csv",))
    one, two = trial.checkout("one"), trial.checkout("two")
    trial.run(one, spec)
    assert trial.run(two, spec).cached
    assert (two / "data.csv").read_text() == "a,b\nmore"


def test_products_that_the_store_lost_are_built_again(trial: Trial) -> None:
    """A cleared store costs time, not the trial."""
    trial.run(trial.checkout("one"))
    for path in (trial.root / "store").rglob("*"):
        if path.is_file():
            path.unlink()
    assert not trial.run(trial.checkout("two"), builds=trial.another()).cached
    assert trial.trained == 2


def test_a_failing_build_tells_its_exit_status_and_the_end_of_its_log(trial: Trial) -> None:
    """Enough for a row of the report. Nothing is cached, and the next trial tries again."""
    spec = BuildSpec(run="""$PYTHON -c "print('no such column'); raise SystemExit(7)" """)
    with pytest.raises(BuildFailedError, match="exit status 7") as caught:
        trial.run(trial.checkout("one"), spec)
    assert (7, "no such column") == (caught.value.exit_status, caught.value.log_tail)
    assert caught.value.where == "forest@candidate"
    with pytest.raises(BuildFailedError):
        trial.run(trial.checkout("two"), spec)


def test_a_build_that_hangs_is_ended(trial: Trial) -> None:
    """At its timeout, which the message names."""
    spec = BuildSpec(run="sleep 600", timeout=0.2)
    with pytest.raises(BuildFailedError, match=r"longer than 0\.2 s"):
        trial.run(trial.checkout("one"), spec)


def test_a_program_that_is_missing_is_named(trial: Trial) -> None:
    """With what to do about it."""
    with pytest.raises(PermanentError, match="no-such-trainer") as caught:
        trial.run(trial.checkout("one"), BuildSpec(run="no-such-trainer --fast"))
    assert caught.value.remedy


def test_a_malformed_pattern_is_the_users_to_mend(trial: Trial) -> None:
    """And is named."""
    with pytest.raises(UsageError, match=r"data/\["):
        trial.run(trial.checkout("one"), BuildSpec(run="true", inputs=("data/[",)))


def test_two_builds_of_one_version_may_not_fight_over_a_file(trial: Trial) -> None:
    """Silently serving the other deployment's model would be the worst outcome."""
    folder = trial.checkout("one")
    trial.run(folder, BuildSpec(run="""$PYTHON -c "open('model', 'w').write('ridge')" """))
    with pytest.raises(UsageError, match="two builds of one version write model"):
        trial.run(folder, BuildSpec(run="""$PYTHON -c "open('model', 'w').write('forest')" """))


def test_two_builds_of_one_version_may_write_the_same_bytes(trial: Trial) -> None:
    """And each is restored with all that it wrote."""
    write: Callable[[str], BuildSpec] = lambda name: BuildSpec(  # noqa: E731
        run=f"""$PYTHON -c "open('shared', 'w').write('x'); open('{name}', 'w').write('y')" """, inputs=("data.csv",)
    )
    folder = trial.checkout("one")
    trial.run(folder, write("ridge"))
    trial.run(folder, write("forest"))
    other = trial.checkout("two")
    assert trial.run(other, write("forest"), builds=trial.another()).cached
    assert {"shared", "forest"} <= {path.name for path in other.iterdir()}
    assert not (other / "ridge").exists()


def test_products_that_lead_out_are_built_but_not_kept(trial: Trial) -> None:
    """The cell goes on, and a note says why the next trial builds again."""
    outcome = trial.run(trial.checkout("one"), BuildSpec(run="ln -s /somewhere/model model"))
    assert outcome.digest is None
    assert "not cached" in outcome.note
