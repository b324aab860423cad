"""What is in a retraining's `report.json`, as a JSON Schema."""

from typing import Any

from seatrial.pages.schema import schema_of, text_of
from seatrial.records import RetrainResult


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `report.json`, made from the record."""
    return schema_of(
        RetrainResult,
        title="seatrial retraining report.json",
        description="One retraining. A figure that isn't a finite number is null; a null bound of an interval is unbounded.",
    )


def schema_text() -> str:
    """The schema as it stands in docs/reference/retrain-report-schema.json."""
    return text_of(report_schema())
