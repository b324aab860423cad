"""The comment of the AICoE pipeline: its words to the letter, and nothing lost that it used to lose."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seatrial.aicoe.comment import render_aicoe
from seatrial.aicoe.gathered import Facts, PodUsage
from seatrial.records import Verdict
from tests.aicoe.results.samples import FACTS, SHA, broken, cell, good, report

ONE = """\
# AICoE CI results

## Test inputs

The following table shows info about test used to gather metrics.

| test URL | namespace deployment |
| --- | --- |
| https://github.com/acme/wine/blob/9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c/features | aicoe-ci |

## Model and application metrics

The following table shows gathered metrics for model and application on your deployed models.

| average_error | average_latency | average_probability | number_requests | model_version |
| ---: | ---: | ---: | ---: | --- |
| 0.02 | 0.1 | 0.93 | 10000 | pr-446-inference |

## Platform metrics

The following table shows gathered metrics from platform on your deployed models.

| CPU max usage | Memory max usage | model_version |
| ---: | ---: | --- |
| 0.25 | 384Mi | pr-446-inference |

## Comparison with the baseline

✅ **pass**: 1 tried. Baseline: master (1111111).

| model_version | metric | baseline → candidate | difference | verdict |
| --- | --- | --- | --- | --- |
| pr-446-inference | accuracy | 90 → 95% | +5 pp | ✅ pass |
| pr-446-inference | average_error | 0.040 → 0.020 | −0.020 | – |
| pr-446-inference | average_latency | 0.20 → 0.10 | −0.10 | – |
| pr-446-inference | average_probability | 1.86 → 0.93 | −0.93 | – |
| pr-446-inference | number_requests | 20,000 → 10,000 | −10,000 | – |
"""


def table_after(comment: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, its head first."""
    lines = comment.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in (rows[0], *rows[2:])]


def test_one_deployment_to_the_letter() -> None:
    """Headings, sentences and columns are the field's; the verdict stands below."""
    assert render_aicoe(report(good("inference")), FACTS) == ONE


def test_three_deployments_one_failed() -> None:
    """A row each in every table, with the further columns of the field; the failed one says how it failed."""
    comment = render_aicoe(report(good("inference"), broken("gpu"), good("training")), FACTS)

    where = [f"https://github.com/acme/wine/blob/{SHA}/features", "aicoe-ci"]
    why = "failed at start (exit status 1): it ended before it was healthy"
    names = ["average_error", "average_latency", "average_probability", "number_requests"]
    figures = ["0.02", "0.1", "0.93", "10000"]
    assert [
        ["test URL", "namespace deployment", "model_version"],
        [*where, "pr-446-inference"],
        [*where, "pr-446-gpu"],
        [*where, "pr-446-training"],
    ] == table_after(comment, "Test inputs")
    assert [
        [*names, "model_version", "test URL", "namespace deployment", "failure"],
        [*figures, "pr-446-inference", *where, "–"],
        ["–", "–", "–", "–", "pr-446-gpu", *where, why],
        [*figures, "pr-446-training", *where, "–"],
    ] == table_after(comment, "Model and application metrics")
    assert [
        ["CPU max usage", "Memory max usage", "model_version", "failure"],
        ["0.25", "384Mi", "pr-446-inference", "–"],
        ["no data: it never ran", "no data: it never ran", "pr-446-gpu", why],
        ["0.25", "384Mi", "pr-446-training", "–"],
    ] == table_after(comment, "Platform metrics")
    assert ["pr-446-gpu", "–", why, "–", "⚠️ error"] in table_after(comment, "Comparison with the baseline")


def test_all_results_are_shown() -> None:
    """That pipeline showed nine of eleven."""
    comment = render_aicoe(report(*(good(f"model-{index}") for index in range(11))), FACTS)

    for heading in ("Test inputs", "Model and application metrics", "Platform metrics"):
        assert len(table_after(comment, heading)) == 12


def test_own_figures_stand_in_where_no_test_stored_any() -> None:
    """With their units, which the field's have not."""
    comment = render_aicoe(report(good("inference", stored=None)), FACTS)

    assert [["accuracy", "latency_p99", "model_version"], ["95%", "12.5 ms", "pr-446-inference"]] == table_after(
        comment, "Model and application metrics"
    )


def test_columns_are_those_of_every_deployment() -> None:
    """One that stored other names has a row all the same."""
    comment = render_aicoe(report(good("a", {"x": 1.5}), good("b", {"y": 2e-7})), FACTS)

    rows = [row[:3] for row in table_after(comment, "Model and application metrics")]
    assert [["x", "y", "model_version"], ["1.5", "–", "pr-446-a"], ["–", "2e-07", "pr-446-b"]] == rows


def test_a_test_that_failed_keeps_its_figures_and_says_so() -> None:
    """What it stored before it failed is worth seeing."""
    found = good("inference")
    failed = replace(found, cells=(cell("inference", message="1 of 1 cases failed"),), verdict=Verdict.FAIL)

    rows = table_after(render_aicoe(report(failed), FACTS), "Model and application metrics")

    assert "behave test-model: 1 of 1 cases failed" == rows[1][-1]
    assert "0.02" == rows[1][0]


def test_a_silent_server_is_said_in_the_row() -> None:
    """Never a zero, never a row less."""
    facts = replace(FACTS, platform={"inference": PodUsage(memory=float(5 << 19), why="Prometheus does not answer")})

    rows = table_after(render_aicoe(report(good("inference")), facts), "Platform metrics")

    assert ["no data: Prometheus does not answer", "2.5Mi", "pr-446-inference"] == rows[1]


def test_without_a_pull_request_the_deployment_is_the_version() -> None:
    """And without a repository's address the tests are named by their folder."""
    rows = table_after(render_aicoe(report(good("a"), project="models/wine"), Facts()), "Test inputs")
    metrics = table_after(render_aicoe(report(good("a")), Facts()), "Model and application metrics")

    assert ["models/wine/features", "aicoe-ci"] == rows[1]
    assert "a" == metrics[1][-1]


def test_an_interrupted_trial_says_so() -> None:
    """It must not be taken for a whole one."""
    comment = render_aicoe(replace(report(good("inference")), complete=False), FACTS)

    assert "The trial was interrupted" in comment


HOSTILE = "@acme | <script>x</script> <!-- [a](https://evil.example) `b`\n\n# heading $x$ #1"


def test_untrusted_text_stays_text() -> None:
    """Names, messages and addresses neither break a table, nor mention anybody, nor hide anything."""
    found = replace(broken("inference", HOSTILE), reasons=(HOSTILE,))
    odd = good("x", {HOSTILE: 1.0})
    facts = replace(FACTS, url=f"https://evil.example/{HOSTILE}", namespace=HOSTILE)

    comment = render_aicoe(report(found, odd, headline=HOSTILE), facts)

    assert [] == [bad for bad in ("@acme", "<script", "<!--", " [a](", "\n# heading", "#1 ") if bad in comment]
    assert [3, 5, 4, 5] == [
        len(table_after(comment, heading)[1])
        for heading in (
            "Test inputs",
            "Model and application metrics",
            "Platform metrics",
            "Comparison with the baseline",
        )
    ]


@given(name=st.text(min_size=1, max_size=40), message=st.text(max_size=80), namespace=st.text(max_size=40))
def test_every_table_has_a_row_for_each_deployment_whatever_is_in_it(name: str, message: str, namespace: str) -> None:
    """As many cells in each as in its head."""
    found = report(good("a", {name: 0.5}), broken("b", message or "x"))
    comment = render_aicoe(found, replace(FACTS, namespace=namespace))

    for heading in ("Test inputs", "Model and application metrics", "Platform metrics"):
        lines = [
            line for line in comment.split(f"## {heading}\n")[1].split("\n## ")[0].split("\n") if line.startswith("|")
        ]
        assert len(lines) == 4
        assert len({line.count(" | ") for line in lines}) == 1
