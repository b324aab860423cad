"""Five million logged rows: the prediction log against the same rows in a CSV file, in bytes and in seconds.

Targets: at most a quarter of the CSV's bytes; latency percentiles per version and minute in at most a fifth of the time
that pandas takes on the CSV. The rows: 11 numbers of the red wine data, each column resampled by itself; a prediction from
them; lognormal latencies. Our segments are encoded by the server's own writer, 100,000 rows each. Two CSV files stand
against them: one with the inputs as JSON in one column, as services write them (some 180 characters), and one with a
column for each, without a word too many. pandas reads only the columns that it needs. Both sides answer as whole
processes, from the command to its exit, and their answers are compared.

Usage: python benchmarks/telemetry.py WINE.csv [--rows 5000000] [--ids server|random] [--out FILE.json]
"""

# ruff: noqa: S608 - names, numbers and paths are ours

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import numpy as np

from seatrial.records.telemetry import INPUT_PREFIX, PREDICTION_COLUMNS, PREDICTIONS, segment_name

SEGMENT_ROWS = 100_000
DAY = "2026-11-20"
BYTES_TARGET, SECONDS_TARGET = 1 / 4, 1 / 5
LEVELS = (0.5, 0.9, 0.95, 0.99)
PARTS = ("total", "queue", "model")
_SQL_TYPES = {
    "timestamp[us, UTC]": "TIMESTAMPTZ",
    "string": "VARCHAR",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "float32": "FLOAT",
    "float64": "DOUBLE",
}
PANDAS = f"""
import sys
import pandas as pd
frame = pd.read_csv(sys.argv[1], usecols=["time", "row", "version", {", ".join(f'"{part}_seconds"' for part in PARTS)}])
frame = frame[frame["row"] == 0]
minute = pd.to_datetime(frame["time"], format="ISO8601").dt.floor("min")
found = frame.groupby(["version", minute])[[{", ".join(f'"{part}_seconds"' for part in PARTS)}]].quantile({list(LEVELS)})
found.to_json(sys.argv[2], orient="table")
"""


@dataclass(frozen=True)
class Cost:
    """One way to keep the rows, and what the question cost: seconds from start to exit, largest resident size."""

    name: str
    size: int
    seconds: float
    memory: int


def generate(connection: duckdb.DuckDBPyConnection, wine: Path, rows: int, ids: str) -> list[str]:
    """Make the view `logged` with all columns of the contract; returns the names of the inputs."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE wine AS SELECT * FROM read_csv('{wine}', delim = ';', header = true)")
    names = [row[0] for row in connection.execute("DESCRIBE wine").fetchall() if row[0] != "quality"]
    for place, name in enumerate(names):
        connection.execute(f'SET VARIABLE v{place} = (SELECT list("{name}"::DOUBLE) FROM wine)')
    count = connection.execute("SELECT count(*) FROM wine").fetchall()[0][0]
    drawn = ", ".join(
        f"getvariable('v{place}')[1 + (hash(i * 16 + {place}) % {count})::INT] AS \"{INPUT_PREFIX}{name}\""
        for place, name in enumerate(names)
    )
    weights = np.random.default_rng(1).normal(0, 0.1, len(names)).tolist()
    answer = " + ".join(f'{weight!r} * "{INPUT_PREFIX}{name}"' for weight, name in zip(weights, names, strict=True))
    request = "md5(i::VARCHAR)" if ids == "random" else "'6f1c09a2be44-' || printf('%x', i)"
    given = {
        "time": f"TIMESTAMPTZ '{DAY} 00:00:00+00' + to_microseconds((i * {86_400_000_000 // rows} + hash(i) % 7000)::BIGINT)",
        "request_id": request,
        "row": "0",
        "model": "'wine'",
        "version": "CASE WHEN hash(i + 7) % 10 < 2 THEN '1.4.0' ELSE '1.3.2' END",
        "route": "'/predict'",
        "status": "CASE WHEN hash(i + 9) % 1000 = 0 THEN 503 ELSE 200 END",
        "queue_seconds": _lognormal("i + 1", "i + 2", 2e-5, 0.7),
        "model_seconds": _lognormal("i + 3", "i + 4", 1.2e-4, 0.4),
        "total_seconds": "queue_seconds + model_seconds + 6e-5",
        "batch_rows": "1 + hash(i + 5) % 16",
        "prediction": answer,
    }
    columns = ", ".join(
        f"({given.get(name, 'NULL')})::{_SQL_TYPES[kind]} AS {name}" for name, kind in PREDICTION_COLUMNS.items()
    )
    inputs = ", ".join(f'"{INPUT_PREFIX}{name}"' for name in names)
    connection.execute(f"CREATE VIEW drawn AS SELECT i, {drawn} FROM range({rows}) AS numbers(i)")
    connection.execute(f"CREATE VIEW logged AS SELECT i, {columns}, {inputs} FROM drawn")
    return names


def _lognormal(first: str, second: str, median: float, spread: float) -> str:
    """SQL of a lognormal number from two hashes (Box and Muller)."""
    normal = (
        f"sqrt(-2 * ln((1 + hash({first}) % 999983) / 999984.0)) * cos(2 * pi() * (hash({second}) % 999983) / 999983.0)"
    )
    return f"{median} * exp({spread} * {normal})"


def write_log(connection: duckdb.DuckDBPyConnection, root: Path, rows: int) -> float:
    """The rows as the server would have written them; returns seconds of encoding."""
    from arro3.core import Table  # noqa: PLC0415 - of the extra `log`

    from seatrial.serve.log.segments import Encoder  # noqa: PLC0415

    folder = root / PREDICTIONS / f"date={DAY}"
    folder.mkdir(parents=True)
    seconds = 0.0
    for number, first in enumerate(range(0, rows, SEGMENT_ROWS), start=1):
        query = f"SELECT * EXCLUDE (i) FROM logged WHERE i >= {first} AND i < {first + SEGMENT_ROWS} ORDER BY i"
        table = Table.from_arrow(connection.sql(query))
        began = time.perf_counter()
        whole = Encoder(table.schema).encode(table.to_batches(), table.num_rows, lambda: None)
        seconds += time.perf_counter() - began
        (folder / segment_name("bench", number, number)).write_bytes(whole)
    return seconds


def write_csvs(connection: duckdb.DuckDBPyConnection, folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The same rows in two CSV files."""
    pairs = ", ".join(f'"{name}": "{INPUT_PREFIX}{name}"' for name in names)
    parts = "time, request_id, row, model, version, route, status, queue_seconds, model_seconds, total_seconds, batch_rows, prediction"
    ways = {
        "CSV, inputs as JSON": f"SELECT {parts}, to_json({{{pairs}}}) AS inputs FROM logged",
        "CSV, a column each": f"SELECT {parts}, COLUMNS('{INPUT_PREFIX}.*') FROM logged",
    }
    paths = {}
    for number, (name, query) in enumerate(ways.items()):
        paths[name] = folder / f"{number}.csv"
        timed = query.replace("time,", "strftime(time, '%Y-%m-%dT%H:%M:%S.%f') AS time,", 1)
        connection.execute(f"COPY ({timed}) TO '{paths[name]}' (FORMAT csv, HEADER true)")
    return paths


def cost(name: str, size: int, command: Sequence[str | Path], out: Path | None = None) -> Cost:
    """Run a command to its end."""
    began = time.perf_counter()
    with (out or Path(os.devnull)).open("wb") as file:
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{name} failed")
    return Cost(name, size, time.perf_counter() - began, usage.ru_maxrss * 1024)


def check_equal(ours: Path, theirs: Path) -> int:
    """How many steps both found, with the same percentiles; ends the program where they differ."""
    mine = {
        (step["version"], step["time"][:16]): [step[part][f"p{level * 100:.0f}"] for level in LEVELS for part in PARTS]
        for step in json.loads(ours.read_bytes())["steps"]
    }
    other: dict[tuple[str, str], list[float]] = {}
    for row in json.loads(theirs.read_bytes())["data"]:
        found = other.setdefault((row["version"], row["time"][:16]), [])
        found += [row[f"{part}_seconds"] for part in PARTS]
    if mine.keys() != other.keys():
        sys.exit("the two found other steps")
    if not all(np.allclose(mine[key], other[key], rtol=1e-4) for key in mine):
        sys.exit("the two found other percentiles")
    return len(mine)


def main() -> None:
    """Generate, ask, compare, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("wine", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--ids", choices=("server", "random"), default="server")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="seatrial-bench-") as name:
        report = measure(Path(name), given.wine.resolve(), given.rows, given.ids)
    print_report(report)
    if given.out:
        given.out.write_text(json.dumps(report, indent=2) + "\n")


def measure(folder: Path, wine: Path, rows: int, ids: str) -> dict[str, object]:
    """All figures."""
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '3GB'")
        names = generate(connection, wine, rows, ids)
        encoding = write_log(connection, folder / "log", rows)
        paths = write_csvs(connection, folder, names)
    size = sum(path.stat().st_size for path in (folder / "log").rglob("*.parquet"))
    ours, theirs = folder / "ours.json", folder / "theirs.json"
    program = shutil.which("seatrial", path=str(Path(sys.executable).parent)) or "seatrial"
    command = [program, "telemetry", "latency", str(folder / "log"), "--format", "json"]
    costs = [cost("seatrial", size, command, ours)]
    for name, path in paths.items():
        costs.append(cost(f"pandas on {name}", path.stat().st_size, [sys.executable, "-c", PANDAS, path, theirs]))
    return {
        "rows": rows,
        "ids": ids,
        "steps": check_equal(ours, theirs),
        "encoding_seconds": encoding,
        "ways": [asdict(one) for one in costs],
        "generator_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def print_report(report: dict[str, object]) -> None:
    """A row for each way, and how it stands to the targets."""
    costs = [Cost(**one) for one in report["ways"]]  # type: ignore[attr-defined]
    ours, rows = costs[0], int(str(report["rows"]))
    print(
        f"{rows:,} rows, ids of the {report['ids']} kind, {report['steps']} steps with equal percentiles on all sides"
    )
    print(
        f"{'':<32} {'MB':>8} {'bytes/row':>10} {'seconds':>8} {'MB resident':>12} {'our bytes':>10} {'our seconds':>12}"
    )
    for one in costs:
        shares = ("", "") if one is ours else (f"{ours.size / one.size:.3f}", f"{ours.seconds / one.seconds:.3f}")
        print(
            f"{one.name:<32} {one.size / 1e6:>8.0f} {one.size / rows:>10.1f} {one.seconds:>8.2f} {one.memory / 1e6:>12.0f} "
            f"{shares[0]:>10} {shares[1]:>12}"
        )
    print(f"targets: bytes at most {BYTES_TARGET:.3f}, seconds at most {SECONDS_TARGET:.3f} of the CSV's")


if __name__ == "__main__":
    main()
