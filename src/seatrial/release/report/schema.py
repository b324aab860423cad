"""What is in a release's `report.json`, as a JSON Schema."""

from typing import Any

from seatrial.pages.schema import schema_of, text_of
from seatrial.records import ReleaseReport


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `report.json`, made from the record."""
    return schema_of(
        ReleaseReport,
        title="seatrial release report.json",
        description="One release. A figure that isn't a finite number is null; a null bound of an interval is unbounded.",
    )


def schema_text() -> str:
    """The schema as it stands in docs/reference/release-report-schema.json."""
    return text_of(report_schema())
