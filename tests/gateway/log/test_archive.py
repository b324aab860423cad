"""Counted log files become Parquet, once, and telemetry answers questions to it."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from seatrial.gateway.log import archive as archiving
from seatrial.gateway.log.archive import Retention, archive, expire
from seatrial.gateway.log.shelve import Shelver
from seatrial.records import AccessLine, Arm, UsageError
from seatrial.records.telemetry import REQUEST_COLUMNS
from seatrial.telemetry.log import open_log
from seatrial.telemetry.segments import list_segments
from seatrial.telemetry.sql import ask
from seatrial.testing import FakeClock
from tests.gateway.log.making import HandLog, at, line
from tests.telemetry.making import prediction, write_predictions


def rotated(folder: Path, *lines: AccessLine) -> Path:
    """A complete log file."""
    log = HandLog(folder)
    log.write(lines)
    path = log.rotate_log()
    assert path is not None
    return path


def read(text: bytes) -> AccessLine | None:
    """As a proxy's adapter reads a line."""
    return msgspec.json.decode(text, type=AccessLine) if text.startswith(b"{") else None


def rows(target: Path, query: str) -> list[dict[str, Any]]:
    """What telemetry answers."""
    with open_log(str(target)) as log:
        return ask(log, query).records()


def test_every_request_is_a_row_with_everything_that_is_known(tmp_path: Path) -> None:
    """Without the question that stood behind the path."""
    full = line(
        1.0,
        assigned=Arm.CANARY,
        served=Arm.STABLE,
        path="/users/7?token=abc",
        flags="UF",
        status=200,
        unit="u1",
        bytes_sent=10,
        bytes_received=20,
        upstream_seconds=0.05,
        mirrored=True,
        forced=True,
        seconds=0.25,
    )
    bare = line(2.0, served=None, endpoint="", status=0)
    path = rotated(tmp_path, full, bare)

    count = archive(path, tmp_path / "telemetry", read)

    first, second = rows(tmp_path / "telemetry", "SELECT * FROM requests ORDER BY time")
    assert (2, False) == (count, path.exists())
    assert {
        "time": at(1.0).replace(tzinfo=None),
        "request_id": "r1",
        "service": "wine",
        "assigned": "canary",
        "served": "stable",
        "version": "2",
        "endpoint": "wine-canary-0",
        "method": "POST",
        "path": "/users/7",
        "status": 200,
        "error": "failed over",
        "flags": "UF",
        "seconds": 0.25,
        "upstream_seconds": 0.05,
        "bytes_received": 20,
        "bytes_sent": 10,
        "unit": "u1",
        "mirrored": True,
        "forced": True,
    } == first
    assert (None, None, "no answer", None) == (
        second["served"],
        second["unit"],
        second["error"],
        second["upstream_seconds"],
    )


def test_what_is_no_line_is_left_out(tmp_path: Path) -> None:
    """And a last line without an end, too."""
    path = rotated(tmp_path, line(1.0))
    with path.open("ab") as file:
        file.write(b'null\n{"half"\n' + msgspec.json.encode(line(2.0)))

    assert 1 == archive(path, tmp_path / "telemetry", read)


def test_a_file_over_midnight_has_a_segment_for_each_date(tmp_path: Path) -> None:
    """As everything in telemetry."""
    archive(rotated(tmp_path, line(1.0), line(86_400.0)), tmp_path / "telemetry", read)

    assert ["date=2026-11-20", "date=2026-11-21"] == sorted(
        path.parent.name for path in tmp_path.glob("telemetry/requests/*/*.parquet")
    )
    assert [(1, ""), (1, "")] == [
        (one.rows, one.problem) for one in list_segments(str(tmp_path / "telemetry")).segments
    ]


def test_a_crash_before_the_log_file_is_gone_makes_no_row_twice(tmp_path: Path) -> None:
    """It is put away again, to the same place."""
    path = rotated(tmp_path, *(line(float(second)) for second in range(100)))
    content = path.read_bytes()
    archive(path, tmp_path / "telemetry", read)
    path.write_bytes(content)
    archive(path, tmp_path / "telemetry", read)

    assert [{"n": 100}] == rows(tmp_path / "telemetry", "SELECT count(*) AS n FROM requests")


def test_files_that_begin_alike_are_not_the_same(tmp_path: Path) -> None:
    """Both are kept."""
    for more in ([], [line(2.0)]):
        archive(rotated(tmp_path, line(1.0), *more), tmp_path / "telemetry", read)

    assert [{"n": 3}] == rows(tmp_path / "telemetry", "SELECT count(*) AS n FROM requests")


def test_requests_join_with_predictions_of_the_same_place(tmp_path: Path) -> None:
    """By request id: what did the gateway see of this answer?"""
    write_predictions(tmp_path / "telemetry", [prediction(request_id="r1")])
    archive(rotated(tmp_path, line(1.0), line(2.0)), tmp_path / "telemetry", read)

    query = "SELECT request_id, prediction, endpoint FROM predictions JOIN requests USING (request_id)"
    assert [{"request_id": "r1", "prediction": 5.0, "endpoint": "wine-stable-0"}] == rows(tmp_path / "telemetry", query)


def test_a_place_without_predictions_and_requests_is_an_error(tmp_path: Path) -> None:
    """Of one with predictions alone, `requests` has no rows, and all its columns."""
    with pytest.raises(UsageError, match="no prediction was logged here"), open_log(str(tmp_path)):
        pass
    write_predictions(tmp_path, [prediction()])

    described = rows(tmp_path, "DESCRIBE SELECT * FROM requests")
    assert list(REQUEST_COLUMNS) == [row["column_name"] for row in described]


def test_a_model_may_be_called_requests(tmp_path: Path) -> None:
    """Its predictions lie below the gateway's requests, and are none of them."""
    write_predictions(tmp_path / "telemetry" / "requests", [prediction()])
    archive(rotated(tmp_path, line(1.0)), tmp_path / "telemetry", read)

    assert [{"n": 1}] == rows(tmp_path / "telemetry", "SELECT count(*) AS n FROM requests")


def test_what_is_old_or_too_much_goes(tmp_path: Path) -> None:
    """The oldest first; and what a crash left unfinished."""
    now = datetime.now(UTC)
    folder = tmp_path / "requests" / "date=2026-11-20"
    folder.mkdir(parents=True)
    for name, days in (("old", 15), ("large", 3), ("young", 1)):
        path = folder / f"{name}-000001-000001.parquet"
        path.write_bytes(b"x" * 1000)
        moment = (now - timedelta(days=days)).timestamp()
        os.utime(path, (moment, moment))
    (folder / ".young-000001-000001.parquet.0123").write_bytes(b"x")
    os.utime(folder / ".young-000001-000001.parquet.0123", (0, 0))

    assert 2 == expire(tmp_path, Retention(days=14, size=1500), now)
    assert ["young-000001-000001.parquet"] == [path.name for path in folder.iterdir()]


def test_what_cannot_be_put_away_stays_and_is_tried_again(tmp_path: Path) -> None:
    """After half a minute; a sentence says why."""
    path, clock, settled = rotated(tmp_path, line(1.0)), FakeClock(), list[None]()
    (tmp_path / "telemetry").write_bytes(b"a file is in the way")
    shelver = Shelver(tmp_path / "telemetry", clock)

    def shelve() -> str:
        shelver.shelve([path], read, lambda: settled.append(None))
        shelver.wait()
        return shelver.trouble

    failed = shelve()
    (tmp_path / "telemetry").unlink()
    early = shelve()
    clock.sleep(30.0)
    late = shelve()
    shelver.close()

    assert failed.startswith("requests can't be kept in ")
    assert (failed, "", 2) == (early, late, len(settled))
    assert not path.exists()


def test_files_that_wait_too_long_are_given_up_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the log itself would fill the disk."""
    log = HandLog(tmp_path)
    paths = []
    for number in range(3):
        log.write(line(float(second), request_id=f"{number}-{second}") for second in range(10))
        paths.append(log.rotate_log())
    monkeypatch.setattr("seatrial.gateway.log.shelve.MOST_WAITING", 6000)
    files = [path for path in paths if path is not None]
    shelver = Shelver(tmp_path / "telemetry", FakeClock())

    shelver.bound(files)

    assert (20, [False, False, True]) == (shelver.lost, [path.exists() for path in files])


_PUT_AWAY = """
import resource, sys
from pathlib import Path
from seatrial.gateway.log.archive import archive
from tests.gateway.log.test_archive import read
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    archive(Path(sys.argv[1]), Path(sys.argv[2]), read)
except OSError:
    sys.exit(7)
"""


def test_a_full_disk_leaves_the_log_file_and_nothing_half_written(tmp_path: Path) -> None:
    """No file may have more than 2,000 bytes here."""
    path = rotated(tmp_path, *(line(float(second), request_id=os.urandom(16).hex()) for second in range(500)))
    command = [sys.executable, "-c", _PUT_AWAY, str(path), str(tmp_path / "telemetry")]

    ended = subprocess.run(command, cwd=Path(__file__).parents[3], check=False, capture_output=True)

    assert 7 == ended.returncode, ended.stderr[-500:]
    assert path.exists()
    assert [] == [one for one in (tmp_path / "telemetry").rglob("*") if one.is_file()]
    assert 500 == archive(path, tmp_path / "telemetry", read)


def test_a_piece_is_a_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a large one needs little memory."""
    monkeypatch.setattr(archiving, "_PIECE", 3)
    archive(rotated(tmp_path, *(line(float(second)) for second in range(10))), tmp_path / "telemetry", read)

    assert [{"n": 10}] == rows(tmp_path / "telemetry", "SELECT count(DISTINCT request_id) AS n FROM requests")
