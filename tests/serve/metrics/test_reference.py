"""The reference page names every metric that is shown, with its type and labels, and no others."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from seatrial.records.serving import Form, Signature
from seatrial.serve.metrics import KINDS, WorkerMetrics, make_folder, render
from seatrial.serve.metrics.edges import DURATION
from seatrial.serve.options import Compat, MetricOptions
from tests.serve.metrics.makers import REGRESSOR, model

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "serve-metrics.md").read_text(encoding="utf-8")
Families = dict[str, tuple[str, frozenset[str]]]


def documented(heading: str) -> Families:
    """Names of one table, with type and labels."""
    section = PAGE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\|", section, re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


@pytest.mark.parametrize("compat", list(Compat))
def test_every_metric_is_documented(tmp_path: Path, compat: Compat) -> None:
    """In each of the three vocabularies, of a server that has seen everything."""
    folder, options = make_folder(tmp_path), MetricOptions(compat=compat)
    metrics = WorkerMetrics(folder, "a", options)
    for status in (200, 500):
        metrics.route("/predict", "POST").answered(status, 0.1, 1, 1)
    metrics.model(model("wine"), REGRESSOR).outputs([1.0])
    metrics.model(model("signed"), Signature(form=Form.COLUMNS, output_range=(-1.0, 1.0))).outputs([1.0])
    metrics.model(model("digits"), Signature(form=Form.COLUMNS, classes=(0, 1))).outputs([1])

    assert shown(render(folder, options).decode()) == documented(f"`{compat}`") | documented("Always")


def shown(text: str) -> Families:
    """Names of all families, with type and labels."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: (
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in text_string_to_metric_families(text)
    }


def test_kinds_of_errors_are_documented() -> None:
    """The closed set, whole."""
    listed = PAGE.split("- `kind` is one of a closed set", 1)[1].split("\n- ", 1)[0]
    assert set(KINDS) == set(re.findall(r"`(\w+)`", listed))


def test_buckets_of_durations_are_documented() -> None:
    """Number by number."""
    listed = PAGE.split("| durations of requests | ", 1)[1].split(" s |", 1)[0]
    assert list(DURATION) == [float(edge) for edge in listed.split(", ")]
