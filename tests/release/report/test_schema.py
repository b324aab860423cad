"""A release's `report.json` is what its documented schema says."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from seatrial.records import ReleaseReport
from seatrial.release.report import Seen, build_report, write_report
from seatrial.release.report.schema import report_schema, schema_text
from tests.docs.pages import ROOT
from tests.release.report import builders

SCHEMA = ROOT / "docs" / "reference" / "release-report-schema.json"


def _report(seen: Seen) -> ReleaseReport:
    return build_report(seen, project="cellar", now=builders.BEGIN + timedelta(hours=2))


def _not_finite() -> ReleaseReport:
    """One whose evidence has no bound, as after a proof that nothing can add to."""
    made = _report(builders.seen())
    return replace(made, points=tuple(replace(point, harm=float("inf")) for point in made.points))


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(_report(builders.seen()), id="whole"),
        pytest.param(_report(Seen(release=builders.seen().release)), id="before the first window"),
        pytest.param(_not_finite(), id="not finite"),
    ],
)
def test_a_report_fits_its_documented_schema(report: ReleaseReport, tmp_path: Path) -> None:
    """What is written is what docs/reference/release-report-schema.json describes."""
    written = write_report(report, tmp_path).json.read_bytes()

    jsonschema.validate(json.loads(written), report_schema())


def test_the_documented_schema_is_current() -> None:
    """Made anew with: python -c "from seatrial.release.report.schema import schema_text; print(schema_text(), end='')"."""
    assert schema_text() == SCHEMA.read_text(encoding="utf-8")


def test_a_schema_refuses_what_is_no_report() -> None:
    """The schema isn't so wide that it lets anything in."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"project": "cellar"}, report_schema())
