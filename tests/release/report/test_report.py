"""The report of a release: one record, three forms, nothing of which is lost or can act."""

import re
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from seatrial.pages.picture import pictures
from seatrial.records import Decision, Differing, MirrorReport, ReleasePhase, ReleaseReport, Verdict, latency_bin
from seatrial.release.report import Seen, build_report, charts, render_html, render_markdown, words, write_report
from seatrial.release.report.build import MOST_POINTS, headline, quantile, verdict_of
from seatrial.wording.inert import JOINER
from tests.release.report import builders

NOW = builders.BEGIN + timedelta(hours=2)
ATTACK = "<script>alert(1)</script> ![x](https://x) @here | `"


def report(words: str = "harm") -> ReleaseReport:
    """The report of the builders' release."""
    return build_report(builders.seen(words), project="cellar", now=NOW)


def test_thousands_of_windows_become_few_points_that_lose_no_request() -> None:
    """Points are sums of windows that follow each other."""
    seen = builders.seen()
    made = build_report(replace(seen, windows=[*seen.windows] * 5), project="cellar", now=NOW)
    assert len(made.points) <= MOST_POINTS
    assert 5 * sum(window.canary.requests for window in seen.windows) == sum(p.canary.requests for p in made.points)
    assert 5 * sum(window.stable.failed for window in seen.windows) == sum(p.stable.errors for p in made.points)


def test_what_was_left_out_as_warm_up_has_no_evidence() -> None:
    """The first half hour of five minutes is shown without a line of evidence."""
    made = report()
    assert made.points[0].harm is None
    assert made.points[-1].harm == pytest.approx(3.0)


def test_a_quantile_is_the_edge_of_its_bin() -> None:
    """Half of the requests at 10 ms, half at 20 ms: the median is the bin of 10 ms, p90 that of 20 ms."""
    counts = {latency_bin(0.010): 50, latency_bin(0.020): 50}
    assert quantile(counts, 0.5) == pytest.approx(0.010, rel=0.01)
    assert quantile(counts, 0.9) == pytest.approx(0.020, rel=0.01)
    assert quantile({}, 0.5) is None
    assert quantile({0: 1, 2: 9}, 0.9, (0.1, 0.2)) is None


@pytest.mark.parametrize(
    ("own", "decision", "expected"),
    [
        (Verdict.INCONCLUSIVE, Decision.PROMOTE, Verdict.INCONCLUSIVE),
        (None, Decision.PROMOTE, Verdict.PASS),
        (None, Decision.ABORT, Verdict.FAIL),
        (None, Decision.CONTINUE, Verdict.INCONCLUSIVE),
    ],
)
def test_what_a_release_is_worth_is_its_own_word(own: Verdict | None, decision: Decision, expected: Verdict) -> None:
    """While it runs, it is what the judge says by now."""
    release = replace(builders.seen().release, verdict=own)
    assert expected is verdict_of(release, builders.judgement(10, decision))


def test_a_release_without_any_window_has_a_report() -> None:
    """It says that nothing was judged, and draws nothing."""
    release = replace(builders.seen().release, outcome=None, phase=ReleasePhase.STARTING, why="")
    made = build_report(Seen(release=release), project="cellar", now=NOW)
    assert Verdict.INCONCLUSIVE is made.verdict
    assert headline(release, None) == "wine@4 is starting"
    assert "Nothing was judged yet" in render_markdown(made)
    assert "Nothing was judged yet" in render_html(made)
    assert {} == {name: plot for name, plot in (("weight", charts.weight(made)),) if plot is not None}


def test_each_metric_says_what_was_seen_and_what_is_settled() -> None:
    """The one that did harm comes first, with its interval and its margin."""
    rows = words.metric_rows(report().judgement)
    assert rows[0].name == "latency_p50"
    assert (Verdict.FAIL, "+15.0% [+12.5%, +17.5%]", "5%") == (rows[0].verdict, rows[0].effect, rows[0].margin)
    errors = next(row for row in rows if row.name == "errors")
    assert (Verdict.PASS, "0.2pp") == (errors.verdict, errors.margin)
    assert {"latency_mean_ms < 500", "latency_p99", "latency_p50", "errors"} == {row.name for row in rows}


def test_markdown_leads_with_the_verdict_and_has_everything() -> None:
    """A reader of the first lines knows what happened."""
    page = render_markdown(report())
    assert page.startswith(f"## ❌ fail: release of wine\n\n**wine@{JOINER}4 was aborted: latency_p50 is 15% higher")
    for part in ("Timeline (3 events)", "last failing requests", "wine-canary.0.1", "300 MiB", "19.90% of 36,000"):
        assert part in page


def test_text_from_outside_stays_text() -> None:
    """Neither form lets it become markup, a mention or a picture."""
    page = render_html(report(ATTACK))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert not re.search(r"(?<!\\)!\[x\]\(https://|(?<!`)<script>", render_markdown(report(ATTACK)).split("```")[0])


def test_the_page_has_all_plots_and_loads_nothing() -> None:
    """Weight, evidence, latency, errors and margins are drawn from data in the page."""
    page = render_html(report())
    drawn = {"chart-weight", "chart-evidence", "chart-latency", "chart-errors", "chart-margins"}
    assert drawn == set(re.findall(r'data-spec="([\w-]+)"', page))
    assert not re.findall(r'(?:src|href)="http', page)


def test_the_files_are_whole_and_the_record_comes_back(tmp_path: Path) -> None:
    """`report.json` is the record itself; nothing unfinished lies beside the files."""
    made = report()
    files = write_report(made, tmp_path / "release")
    write_report(made, tmp_path / "release")
    assert made == msgspec.json.decode(files.json.read_bytes(), type=ReleaseReport)
    assert {"report.json", "report.md", "report.html"} == {path.name for path in (tmp_path / "release").iterdir()}


def test_a_plot_becomes_a_picture() -> None:
    """Chats get a PNG of the same plot, with colours in place of the style sheet's names."""
    spec = charts.evidence(report())
    assert spec is not None
    assert all(drawn.startswith(b"\x89PNG") for drawn in pictures([spec, spec]))
    assert "vl_convert" not in sys.modules, "it would hold up everything else in the process"


def test_what_came_of_copies_is_told() -> None:
    """How many answers agree, by how much the others differ, and which differ most."""
    copies = MirrorReport(
        rows=1000, compared=990, same=980, numbers=990, mean=0.01, largest_absolute=2.5, canary_failed=3,
        stable_seconds=0.010, canary_seconds=0.012,
        differing=(Differing(request_id="r-1", row=0, stable="5.0", canary="7.5", difference=2.5),),
    )  # fmt: skip
    made = build_report(replace(builders.seen(), mirrored=copies), project="cellar", now=NOW)
    assert (
        "980 of 990 answers to copies are those of stable (98.99%).",
        "Numbers differ by +0.01 on average, by 2.5 at most.",
        "The canary alone failed at 3, stable alone at 0.",
        "Median time: stable 10 ms, canary 12 ms.",
        "Request r-1: stable 5.0, canary 7.5.",
    ) == words.mirrored_lines(made)
    assert "### Copies" in render_markdown(made)
    assert "Request r-1: stable 5.0, canary 7.5." in render_html(made)
    assert "Copies" not in render_html(report())
