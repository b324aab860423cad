"""Queries in PromQL: names are filled in safely, and counters are taken over the window."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.config import read_project
from seatrial.records import UsageError
from seatrial.release.promql import fill
from seatrial.release.promql_counters import over_window
from seatrial.release.promql_parts import counter_selector, samples_query, sibling
from seatrial.release.promql_tokens import every_token
from tests.docs.pages import ROOT, blocks

SEED = (
    'sum(flask_http_request_duration_seconds_sum{path=~"/recommend/.*"}) / '
    'sum(flask_http_request_duration_seconds_count{path=~"/recommend/.*"})'
)


PAGE = ROOT / "docs" / "how-to" / "prometheus.md"


def _filled(query: str, **names: str) -> str:
    return fill(query, seconds=300, names={"version": "7", "service": "shop", "arm": "canary", **names})


def test_the_seeds_counters_are_taken_over_the_window() -> None:
    """Both of them, and nothing else of the query changes."""
    expected = (
        'sum(increase(flask_http_request_duration_seconds_sum{path=~"/recommend/.*"}[300s])) / '
        'sum(increase(flask_http_request_duration_seconds_count{path=~"/recommend/.*"}[300s]))'
    )

    assert expected == _filled(SEED)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a_total", "increase(a_total[300s])"),
        ("sum by (le_total) (a_bucket offset 5m)", "sum by (le_total) (increase(a_bucket[300s] offset 5m))"),
        ("a_total offset -$window + 1", "increase(a_total[300s] offset -300s) + 1"),
        ("sum(a_total) without (b_total)", "sum(increase(a_total[300s])) without (b_total)"),
        ("a_sum / on (c_total) a_count", "increase(a_sum[300s]) / on (c_total) increase(a_count[300s])"),
        ("a_sum / ignoring (b) group_left (c_total) x", "increase(a_sum[300s]) / ignoring (b) group_left (c_total) x"),
        ("a_total{x='}'} # of a_total", "increase(a_total{x='}'}[300s]) # of a_total"),
        ('label_replace(a_total, "x_total", "$1", "y", "(.*)")',
         'label_replace(increase(a_total[300s]), "x_total", "$1", "y", "(.*)")'),
        ("histogram_quantile(0.9, sum by (le) (a_bucket))",
         "histogram_quantile(0.9, sum by (le) (increase(a_bucket[300s])))"),
    ],
)  # fmt: skip
def test_counters_without_a_range_get_one(query: str, expected: str) -> None:
    """Wherever they stand; labels, strings and comments are no counters."""
    assert expected == _filled(query)


@pytest.mark.parametrize(
    "query",
    [
        "rate(a_total[5m])",
        "increase(a_total{x='1'}[1h] offset 1d)",
        "max_over_time(a_total[5m:10s])",
        "avg_over_time(sum(rate(a_total[1m]))[5m:])",
        "process_resident_memory_bytes / 1e6",
        "time() - process_start_time_seconds",
        "last_over_time(a_total[5m])",
        "count(up{job='a_total'} == 1)",
        "total_count_of{x='y'} > bool 3 unless on (a) b",
    ],
)
def test_anything_else_stays_as_it_is(query: str) -> None:
    """What has a range already, and gauges."""
    assert query == _filled(query)


@pytest.mark.parametrize(
    "query",
    [
        "avg_over_time(sum(a_total)[5m:])",
        "a_total @ 1700000000",
        "timestamp(a_total)",
        "absent(a_total)",
        "job:a_total",
        '{__name__="a_total"}',
        '{"a.b_total"}',
    ],
)
def test_what_can_not_be_told_safely_is_refused_with_both_ways_to_write_it(query: str) -> None:
    """The growth or the value: the user says which."""
    with pytest.raises(UsageError, match=r"write increase\(.*\[\$window\]\), or last_over_time\(.*\[5m\]\)"):
        _filled(query)


@pytest.mark.parametrize("query", ['a_total{x="', "sum(a_total", "a_total)", "a_total[5m", "sum(a) ; drop"])
def test_what_is_no_promql_is_refused(query: str) -> None:
    """The message says where the query stops to be one."""
    with pytest.raises(UsageError, match="PromQL"):
        _filled(query)


def test_a_window_is_written_as_promql_writes_durations() -> None:
    """Whole seconds, or milliseconds."""
    assert "rate(a[300s])" == fill("rate(a[$window])", seconds=300.0, names={})
    assert "rate(a[2500ms:1s])" == fill("rate(a[${window}:1s])", seconds=2.5, names={})


@pytest.mark.parametrize("query", ["a{version=$version}", "$version", "rate(a[$version])"])
def test_a_name_outside_of_quotes_is_refused(query: str) -> None:
    """It could be anything there."""
    with pytest.raises(UsageError, match=r"\$version stands outside of quotes"):
        _filled(query)


def test_a_variable_that_nobody_knows_is_refused() -> None:
    """With those that there are; a `$1` in a string is no variable of ours."""
    with pytest.raises(UsageError, match=r"known are \$arm, \$service, \$version, \$window"):
        _filled("rate(a[$__range])")


@given(value=st.text(max_size=20))
def test_a_value_is_one_label_value_whatever_is_in_it(value: str) -> None:
    """It can't leave its quotes, and means itself where a pattern stands."""
    query = _filled('a{v="$version", w!~"$version|x"}', version=value)
    (braces,) = [token.text for token in every_token(query) if token.kind == "braces"]
    plain, pattern = re.fullmatch(r"\{v=(.*), w!~(.*)\}", braces, re.DOTALL).groups()  # type: ignore[union-attr]

    assert value == _unquoted(plain)
    assert re.fullmatch(_unquoted(pattern), value)


def _unquoted(text: str) -> str:
    """A string of PromQL as Go reads it, as far as JSON reads it alike."""
    return str(json.loads(text, strict=False))


def test_a_backtick_fits_into_no_string_in_backticks() -> None:
    """There is nothing to escape it with."""
    assert "a{v=`7`}" == _filled("a{v=`$version`}")
    with pytest.raises(UsageError, match="double quotes"):
        _filled("a{v=`$version`}", version="`")


@given(
    parts=st.lists(
        st.sampled_from(
            [
                "a_total",
                "b",
                "{x='1'}",
                "[5m]",
                "sum",
                "(",
                ")",
                " by (le) ",
                " / ",
                " + ",
                "rate",
                " offset 5m",
                "1",
                " ",
            ]
        ),
        max_size=12,
    )
)
def test_nothing_is_put_twice_and_nothing_is_lost(parts: list[str]) -> None:
    """Of any query, right or wrong: taken over the window again it stays, and without what was put in it is what it was."""
    query = "".join(parts)
    try:
        once = over_window(query, 300)
    except UsageError:
        return

    assert once == over_window(once, 300)
    assert query.replace(")", "") == once.replace("increase(", "").replace("[300s]", "").replace(")", "")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (SEED, 'sum(sum(increase(flask_http_request_duration_seconds_count{path=~"/recommend/.*"}[300s])))'),
        ("1 - sum(rate(ok_total[1m])) / sum(rate(all_total[1m]))", "sum(sum(increase(all_total[1m])))"),
        ("1000 * a_sum / on (x) a_count", "sum(increase(a_count[300s]))"),
        ("sum by (x) (a_sum) / sum by (x) (a_count)", "sum(sum by (x) (increase(a_count[300s])))"),
        ("a_sum / (a_count + b_count)", "sum((increase(a_count[300s]) + increase(b_count[300s])))"),
        ("sum(a_sum) by (x) / sum(a_count) by (x)", "sum(sum(increase(a_count[300s])) by (x))"),
        ("a_sum / 60", None),
        ("histogram_quantile(0.99, sum by (le) (a_bucket))", None),
        ("a_sum / a_count + b_sum / b_count", None),
        ("memory_bytes / limit_bytes", None),
        ("a_sum /", None),
    ],
)
def test_a_ratio_says_of_how_many_requests_it_is(query: str, expected: str | None) -> None:
    """By what it divides by; anything else does not say."""
    assert expected == samples_query(_filled(query))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('a_total{version="7"}', 'a_total{version="7"}'),
        ("sum(a_total)", "a_total"),
        ("sum by (le) (a_bucket{x='1'})", "a_bucket{x='1'}"),
        ("(sum(a_bucket) without (pod))", "a_bucket"),
        ('{__name__="a_total"}', '{__name__="a_total"}'),
    ],
)
def test_windows_are_counted_from_a_selector_or_a_sum_of_one(query: str, expected: str) -> None:
    """The sum is left to whoever counts, who has to see each series restart."""
    assert expected == counter_selector(query)


@pytest.mark.parametrize(
    "query", ["sum(rate(a_total[5m]))", "a_total[5m]", "a_total + b_total", "sum(a) + sum(b)", "max(a_total)", ""]
)
def test_windows_can_not_be_counted_from_anything_else(query: str) -> None:
    """The message says what is wanted."""
    with pytest.raises(UsageError, match="write a selector such as"):
        counter_selector(query)


def test_the_sum_of_a_histogram_is_found_by_its_name() -> None:
    """Where it ends as names of buckets do."""
    assert 'a_sum{v="1"}' == sibling('a_bucket{v="1"}', "_bucket", "_sum")
    assert None is sibling('{__name__="a_bucket"}', "_bucket", "_sum")


def test_the_page_shows_what_prometheus_is_asked() -> None:
    """The block after the flask example is its query as it is filled in, and the other queries can be filled in too."""
    projects = [read_project(block.text, where=block.id, default_name="page") for block in blocks(PAGE, "yaml")]
    releases = [project.releases["shop"] for project in projects]
    asked = [_filled(one.query) for release in releases for one in release.thresholds if one.query]
    (shown,) = blocks(PAGE, "promql")

    assert shown.text.split() == asked[0].split()
    assert 'sum(increase(cache_hits_total{version="7"}[300s]))' in asked[1]
    for release in releases:
        for query in filter(None, (release.source.requests, release.source.errors, release.source.latency)):
            assert query == counter_selector(query)
