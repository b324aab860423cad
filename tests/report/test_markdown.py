"""`report.md`: what a pull request shows."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seatrial.records import Axis, AxisChange, FileChange, Package, Report, StackChange
from seatrial.trial.report import render_markdown
from tests.report import builders

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {"sub", "details", "summary", "code", "br", "span"}


def headings(markdown: str) -> list[str]:
    """The headings, in order."""
    return re.findall(r"^#+ (.*)$", markdown, re.MULTILINE)


def test_the_verdict_comes_first() -> None:
    """The first two blocks are the verdict and the sentence with the numbers."""
    first, second, *_ = render_markdown(builders.six()).split("\n\n")
    assert first == "## ❌ Fail: digits"
    assert second.startswith("**random-forest's latency_p99 went 12.1 → 18.5 ms")


def test_there_is_a_table_per_family_tests_changes_and_stack() -> None:
    """Everything that a reviewer asks about has its heading."""
    assert headings(render_markdown(builders.report(builders.sliced_deployment()))) == [
        "✅ Pass: digits",
        "Model metrics",
        "Application metrics",
        "Platform metrics",
        "Metrics from tests",
        "Tests",
        "Slices",
        "Which axis moved which metric",
        "What changed",
        "Software stack",
    ]


def test_a_family_has_one_row_per_deployment() -> None:
    """Six deployments, six rows, the broken one among them."""
    markdown = render_markdown(builders.six())
    model = markdown.split("### Model metrics\n\n")[1].split("\n\n")[0].splitlines()
    assert len(model) == 2 + 6
    assert "❔<br><sub>−0.4 pp \\[−1.7, +0.9]</sub><br><sub>needs about 1,240 more requests</sub>" in model[4]
    assert "failed at start (exit status 1)" in model[5]


def test_a_broken_deployment_shows_its_stage_status_and_log() -> None:
    """As a row and, folded, with the last lines of its log."""
    markdown = render_markdown(builders.report(builders.broken_deployment()))
    assert "failed at start (exit status 1): it ended before it was healthy" in markdown
    assert "```text\nINFO:     Started server process [4242]" in markdown


def test_charts_are_mermaid_and_no_picture_is_hosted() -> None:
    """The forge draws them."""
    markdown = render_markdown(builders.report())
    assert markdown.count("xychart-beta") == 2
    assert "![" not in markdown
    assert "http" not in markdown


def test_an_interrupted_trial_is_marked() -> None:
    """A warning right under the verdict."""
    assert "> [!WARNING]" in render_markdown(builders.report(complete=False)).split("###")[0]


def test_details_are_folded_and_closed_again() -> None:
    """As many folds end as begin."""
    markdown = render_markdown(builders.report(builders.sliced_deployment(), builders.broken_deployment()))
    assert markdown.count("<details>") == markdown.count("</details>") > 4


@pytest.mark.parametrize("limit", [65_536, 30_000, 8_000, 3_000, 1_000])
def test_a_long_report_keeps_its_verdict_and_fits(limit: int) -> None:
    """Details shorten first, the verdict last; and the reader is told."""
    markdown = render_markdown(builders.many(24, points=10), limit=limit)
    assert len(markdown.encode()) <= limit
    assert markdown.startswith("## ✅ Pass: digits\n\n**All 120 gates of 24 deployments hold")
    assert "Shortened to fit" in markdown


def test_tables_of_metrics_outlive_the_details() -> None:
    """At a size that has no room for details all rows of the tables are still there."""
    report = builders.many(12, points=10)
    markdown = render_markdown(report, limit=16_000)
    assert "Every figure of" not in markdown
    assert all(markdown.count(f"| `{d.name}` |") >= 3 for d in report.deployments)


def test_without_a_limit_nothing_is_cut() -> None:
    """`limit=None` is for files, which have room."""
    assert "Shortened" not in render_markdown(builders.many(24, points=10), limit=None)


def hostile(text: str) -> Report:
    """A report with `text` wherever somebody else's words may stand."""
    broken = builders.broken_deployment(text, log=text)
    sliced = builders.sliced_deployment(text)
    change = replace(
        builders.CHANGE,
        project=text,
        axes=(AxisChange(axis=Axis.CODE, files=(FileChange(path=text, status="added", axis=Axis.CODE),), baseline_version=text, candidate_version=text),),
    )  # fmt: skip
    found = [
        replace(
            sliced,
            reasons=(text,),
            stack=StackChange(added=(Package(name=text, version=text),)),
            comparisons=tuple(replace(c, reason=text, unit=text) for c in sliced.comparisons),
        ),
        broken,
    ]
    report = builders.report(*found, notes=(text,))
    return replace(
        report, headline=text, project=text, run=text, change=change, settings={text: text}, machine={text: text}
    )


@given(st.text(alphabet=st.sampled_from("`*_[]()<>#|~&!$@\\:/-+=1.) \n\tab{}'\"\u202e\x1b"), min_size=1, max_size=40))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_in_the_report_only_our_own_markup_is_in_the_markdown(text: str) -> None:
    """No link, image, emphasis, tag or fence comes from a name, a log line, a package or a test's output."""
    for token in PARSER.parse(render_markdown(hostile(text), limit=None)):
        for inner in [token, *(token.children or [])]:
            assert inner.type not in {"link_open", "image", "em_open", "s_open", "hr", "code_block", "lheading_open"}
            if inner.type in {"html_inline", "html_block"}:
                assert set(re.findall(r"</?([a-zA-Z][\w-]*)", inner.content)) <= OURS
            if inner.type == "fence":
                assert inner.info in {"text", "mermaid", "sh"}


def test_the_headings_and_tables_are_the_same_whatever_the_words() -> None:
    """A hostile name adds no heading, row or fold of its own."""

    def shape(text: str) -> list[str]:
        tokens = PARSER.parse(render_markdown(hostile(text), limit=None))
        return [token.type for token in tokens if token.nesting == 1 or token.type == "html_block"]

    assert shape("name") == shape("</details>\n# x\n| a | b |\n```\n- @x")
