"""What registering a large model costs, beside `sha256sum` and `cp` of the same file, interleaved.

Targets: a new model at most 1.3 times the sum of the two; the same model again copies nothing.

`sha256sum` is the C of coreutils, which on many systems knows nothing of the processor's instructions for SHA-256;
`openssl dgst -sha256` does, as Python's hashlib, so that the ratio to it is printed as well. `cp` leaves its bytes in
memory; what the registry keeps is on the disk when it says so (fsync), and that part is shown by itself. Before each
measurement everything is written out (`sync`), and the model is in the page cache.

`command` is the whole process of `seatrial models register`, which also asks the model for its signature: random bytes
say nothing; with `--opened` the model is a scikit-learn one of that size, which is unpickled for it.

Usage: python benchmarks/register.py [--mib 1024] [--rounds 5] [--files 1] [--opened] [--folder DIR]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from seatrial.records import Actor, VersionDraft
from seatrial.wiring import open_registry

CHUNK = 16 << 20
TARGET = 1.3


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, and bytes that this process wrote to files, of one run."""

    seconds: float
    written: int = 0


def main() -> None:
    """Make the model, measure in turns, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--opened", action="store_true", help="a model that can be opened")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-register-", dir=given.folder) as room:
        size = given.mib << 20
        model = make_neighbours(Path(room), size) if given.opened else make_model(Path(room), size, given.files)
        names = {
            "sha256sum": lambda: run("sha256sum", *files(model)),
            "openssl dgst -sha256": lambda: run("openssl", "dgst", "-sha256", *files(model)),
            "cp -r": lambda: copy(model),
            "cp -r and fsync": lambda: copy_and_sync(model),
            "register (new)": lambda: register(model, fresh=True),
            "register (again)": lambda: register(model, fresh=False),
            "command (new)": lambda: command(model, fresh=True),
            "command (again)": lambda: command(model, fresh=False),
        }
        report(in_turns(names, given.rounds))


def make_model(room: Path, size: int, count: int) -> Path:
    """A file of random bytes, or a folder of several."""
    random = np.random.default_rng(1)
    model = room / "model.bin"
    if count > 1:
        model = room / "model"
        model.mkdir()
    for number in range(count):
        with (model / f"{number:04}.bin" if count > 1 else model).open("wb") as file:
            for begun in range(0, size // count, CHUNK):
                file.write(random.bytes(min(CHUNK, size // count - begun)))
    return model


def make_neighbours(room: Path, size: int) -> Path:
    """A fitted model that is as large as its training data."""
    import joblib  # noqa: PLC0415 - half a second, and only for this
    from sklearn.neighbors import KNeighborsRegressor  # noqa: PLC0415

    rows = np.random.default_rng(1).random((size // (80 * 8), 80))
    joblib.dump(KNeighborsRegressor(algorithm="brute").fit(rows, rows[:, 0]), room / "model.joblib")
    return room / "model.joblib"


def files(model: Path) -> list[str]:
    """The paths of its files."""
    return sorted(map(str, model.iterdir())) if model.is_dir() else [str(model)]


def in_turns(runs: dict[str, Callable[[], Measured]], rounds: int) -> dict[str, list[Measured]]:
    """Each once a round, in an order that moves on, so that none always follows the same one."""
    found: dict[str, list[Measured]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            os.sync()
            found[name].append(runs[name]())
            print(f"{number + 1}/{rounds} {name}: {found[name][-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return found


def timed(work: Callable[[], object]) -> Measured:
    """The seconds of some work, and the bytes that this process wrote in it."""
    before, begun = written(), time.perf_counter()
    work()
    return Measured(time.perf_counter() - begun, written() - before)


def written() -> int:
    """Bytes that this process has caused to be written to files."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def run(*words: str) -> Measured:
    """One program."""
    return timed(lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL))


def copy(model: Path) -> Measured:
    """`cp`, beside the model."""
    target = model.with_name("copy")
    try:
        return run("cp", "-r", str(model), str(target))
    finally:
        remove(target)


def copy_and_sync(model: Path) -> Measured:
    """`cp`, and the bytes on the disk."""
    target = model.with_name("copy")

    def work() -> None:
        subprocess.run(["cp", "-r", str(model), str(target)], check=True)
        for path in files(target):
            with Path(path).open("rb") as file:
                os.fsync(file.fileno())

    try:
        return timed(work)
    finally:
        remove(target)


def register(model: Path, *, fresh: bool) -> Measured:
    """The registry's own work: files into the store, version and line into the database."""
    with open_registry(prepare(model, fresh=fresh)) as tools:
        draft = VersionDraft(model="model", creator=Actor(name="benchmark"), created=datetime.now(UTC))
        return timed(lambda: tools.registry.register(draft, model))


def command(model: Path, *, fresh: bool) -> Measured:
    """The whole process, in a folder without git."""
    project = prepare(model, fresh=fresh)
    seatrial = [sys.executable, "-c", "from seatrial.cli.entry import main; main()", "models", "register", str(model)]
    return timed(
        lambda: subprocess.run(
            [*seatrial, "--name", "model", "--project", str(project)], check=True, capture_output=True
        )
    )


def prepare(model: Path, *, fresh: bool) -> Path:
    """A project's folder: empty, or with the model registered already."""
    project = model.with_name("project")
    if fresh:
        remove(project)
    project.mkdir(exist_ok=True)
    if not fresh:
        with open_registry(project) as tools:
            draft = VersionDraft(model="model", creator=Actor(name="benchmark"), created=datetime.now(UTC))
            tools.registry.register(draft, model)
        os.sync()
    return project


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def report(found: dict[str, list[Measured]]) -> None:
    """The median and the range of each, and the ratios."""
    print("| | s, median (min … max) | MiB written |\n|---|---:|---:|")
    for name, runs in found.items():
        bytes_written = f"{statistics.median(each.written for each in runs) / 2**20:.1f}" if "register" in name else ""
        print(f"| {name} | {spread(each.seconds for each in runs)} | {bytes_written} |")
    for hasher in ("sha256sum", "openssl dgst -sha256"):
        for kind in ("register (new)", "command (new)", "register (again)"):
            rounds = zip(found[kind], found[hasher], found["cp -r"], strict=True)
            ratios = [ours.seconds / (hashed.seconds + copied.seconds) for ours, hashed, copied in rounds]
            print(f"{kind} / ({hasher} + cp): {spread(ratios)} (target {TARGET} with sha256sum)")


def spread(values: Iterable[float]) -> str:
    """Median and range."""
    found = sorted(values)
    return f"{statistics.median(found):.2f} ({found[0]:.2f} … {found[-1]:.2f})"


if __name__ == "__main__":
    main()
