"""What lies in a log, file by file."""

from pathlib import Path

from seatrial.telemetry.segments import list_segments
from tests.telemetry.making import at, label, prediction, write_labels, write_predictions


def test_every_file_is_listed_with_what_it_holds(tmp_path: Path) -> None:
    """Rows, worker and span of those that are read; the problem of those that aren't."""
    write_predictions(tmp_path, [prediction(time=at(1)), prediction(time=at(3))], numbers=(1, 2))
    write_predictions(tmp_path, [prediction(time=at(1))], numbers=(2, 2))
    write_predictions(tmp_path, [prediction()], numbers=(3, 3)).write_bytes(b"PAR1PAR1")
    folder = write_labels(tmp_path, [label("a", 1.0)], worker="w2").parent
    (folder / ".w2-000002-000002.parquet.0123456789abcdef").touch()
    (folder / "readme.txt").touch()
    found = {one.name.rpartition("/")[2]: one for one in list_segments(str(tmp_path)).segments}
    whole = found["w1-000001-000002.parquet"]
    assert ("predictions", "w1", 2, at(1), at(3), "") == (
        whole.kind, whole.worker, whole.rows, whole.first, whole.last, whole.problem,
    )  # fmt: skip
    assert whole.bytes == (tmp_path / whole.name).stat().st_size
    assert ("labels", "w2", 1) == (
        found["w2-000001-000001.parquet"].kind,
        found["w2-000001-000001.parquet"].worker,
        found["w2-000001-000001.parquet"].rows,
    )
    assert {
        "w1-000002-000002.parquet": "a compacted segment holds it",
        "w1-000003-000003.parquet": "it is half written: its end is missing",
        ".w2-000002-000002.parquet.0123456789abcdef": "it is unfinished",
        "readme.txt": "it is no segment",
    } == {name: one.problem for name, one in found.items() if one.problem}


def test_an_empty_log_has_no_segments(tmp_path: Path) -> None:
    """That is an answer, not an error."""
    assert () == list_segments(str(tmp_path)).segments
