"""`report.json`: the record, and back."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from seatrial.records import Report, UsageError
from seatrial.trial.report import encode_report, load_report
from seatrial.trial.report.json import report_schema, schema_text
from tests.report import builders

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "report-schema.json"

REPORTS: dict[str, Callable[[], Report]] = {
    "passing": builders.report,
    "six": builders.six,
    "sliced": lambda: builders.report(builders.sliced_deployment()),
    "interrupted": lambda: builders.report(complete=False),
    "without deployments": lambda: builders.report(builders.broken_deployment()),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_comes_back_as_it_was(name: str) -> None:
    """Encoding and loading lose nothing."""
    report = REPORTS[name]()
    assert report == load_report(encode_report(report))


@pytest.mark.parametrize("name", [*REPORTS, "not finite"])
def test_a_report_fits_its_documented_schema(name: str) -> None:
    """What is written is what docs/reference/report-schema.json describes."""
    report = REPORTS.get(name, builders.not_finite)()
    jsonschema.validate(json.loads(encode_report(report)), report_schema())


def test_the_documented_schema_is_current() -> None:
    """Made anew with: python -c "from seatrial.trial.report.json import schema_text; print(schema_text(), end='')"."""
    assert schema_text() == SCHEMA.read_text(encoding="utf-8")


def test_a_schema_refuses_what_is_no_report() -> None:
    """The schema isn't so wide that it lets anything in."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"run": "x"}, report_schema())


def test_what_is_not_finite_is_null_and_comes_back() -> None:
    """An interval's open side as its infinity, another required figure as NaN, an optional one as None."""
    data = encode_report(builders.not_finite())
    json.loads(data, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    report = load_report(data)
    deployment = report.deployments[0]
    interval = deployment.comparisons[0].interval
    assert interval is not None
    assert (-math.inf, 0.02) == (interval.low, interval.high)
    assert deployment.comparisons[0].candidate is None
    assert math.isnan(deployment.cells[0].result.scrape["x"])
    usage = deployment.cells[0].result.usage
    assert usage is not None
    assert math.isnan(usage.points[0].cpu_seconds)


def test_the_same_report_is_the_same_bytes() -> None:
    """Mappings are sorted, so that a digest over the file means something."""
    report = builders.report()
    turned = replace(report, settings=dict(reversed(list(report.settings.items()))))
    assert encode_report(report) == encode_report(turned)


def test_broken_bytes_in_a_log_do_not_stop_the_report() -> None:
    """Half surrogates have no UTF-8: they become question marks."""
    data = encode_report(builders.report(builders.broken_deployment(log="bad \udcff byte")))
    failure = load_report(data).deployments[0].cells[1].result.failure
    assert failure is not None
    assert failure.log_tail == "bad ? byte"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'"x"', b"\xff\xfe", b'{"run": null}', b"[" * 100_000])
def test_what_is_no_report_is_a_usage_error(data: bytes) -> None:
    """Never a bare traceback."""
    with pytest.raises(UsageError, match="not a report"):
        load_report(data)


def test_a_report_of_a_newer_schema_is_refused_with_a_remedy() -> None:
    """Guessing at fields that don't exist yet would be worse."""
    raw = json.loads(encode_report(builders.report()))
    raw["schema"] = 99
    with pytest.raises(UsageError, match="schema 99"):
        load_report(json.dumps(raw).encode())
