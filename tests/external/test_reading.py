"""What tests leave behind is read with care: stored metrics and JUnit XML."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import PermanentError
from seatrial.records import TestCase as Case
from seatrial.trial.external.runners import junit
from seatrial.trial.external.runners.junit import collect_junit, parse_suites, suite_of, write_suites
from seatrial.trial.external.stored_metrics import MOST_BYTES, StoredMetrics, read_stored_metrics


def stored(tmp_path: Path, text: str | bytes) -> StoredMetrics:
    """What is read from a file with this text."""
    path = tmp_path / "metrics.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_stored_metrics(path)


def test_flat_figures_become_metrics(tmp_path: Path) -> None:
    """Numbers as they are, true and false as 1 and 0, texts apart."""
    found = stored(tmp_path, '{"average_latency": 0.1, "number_requests": 200, "good": true, "model_version": "v1"}')
    assert found == StoredMetrics(
        metrics={"average_latency": 0.1, "number_requests": 200.0, "good": 1.0}, info={"model_version": "v1"}
    )


def test_no_file_is_nothing(tmp_path: Path) -> None:
    """A test need not store anything."""
    assert StoredMetrics() == read_stored_metrics(tmp_path / "nope.json")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("NaN", "not a number"),
        ("-Infinity", "infinite"),
        ("1" + "0" * 400, "too large"),
        ("null", "null"),
        ('{"deep": 1}', "only flat numbers"),
        ("[1, 2]", "only flat numbers"),
    ],
)
def test_what_is_no_flat_number_is_left_out_and_said(tmp_path: Path, value: str, said: str) -> None:
    """The other metrics are still taken."""
    found = stored(tmp_path, f'{{"bad": {value}, "good": 1}}')
    assert {"good": 1.0} == found.metrics
    (problem,) = found.problems
    assert "'bad'" in problem
    assert said in problem


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "3", b"\xff\xfe\x00", "[" * 100_000, json.dumps({str(number): 1 for number in range(2000)})],
)
def test_a_file_that_makes_no_sense_is_said(tmp_path: Path, text: str | bytes) -> None:
    """And taken for empty."""
    found = stored(tmp_path, text)
    assert not found.metrics
    (problem,) = found.problems
    assert problem.startswith("the file that STORE_METRICS_PATH names")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A megabyte is more than any metrics need."""
    assert "larger than 1 MiB" in stored(tmp_path, b" " * (MOST_BYTES + 1)).problems[0]


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), _ANY_JSON, max_size=8) | _ANY_JSON)
def test_nothing_that_a_test_stores_breaks_the_trial(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    """Every metric is a finite number, whatever was stored."""
    found = stored(tmp_path_factory.mktemp("any"), json.dumps(value))
    assert all(abs(number) < float("inf") for number in found.metrics.values())


def read(tmp_path: Path, text: str | bytes) -> tuple[Case, ...]:
    """The cases in a JUnit file."""
    path = tmp_path / "junit.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    seen = collect_junit([path])
    assert not seen.problems
    return seen.cases


def test_cases_are_read_with_their_outcome(tmp_path: Path) -> None:
    """The four outcomes, the time and the message."""
    cases = read(
        tmp_path,
        '<testsuites><testsuite name="s"><testcase classname="m" name="good" time="0.5"/>'
        '<testcase name="bad"><failure message="no">because\nof it</failure></testcase>'
        '<testcase name="worse"><error message="oh"/></testcase>'
        '<testcase name="later"><skipped/></testcase></testsuite></testsuites>',
    )
    assert cases == (
        Case(name="m.good", outcome="passed", seconds=0.5),
        Case(name="bad", outcome="failed", message="no\nbecause\nof it"),
        Case(name="worse", outcome="error", message="oh"),
        Case(name="later", outcome="skipped"),
    )


def test_messages_show_no_secret(tmp_path: Path) -> None:
    """A traceback may contain a URL with its login."""
    (case,) = read(
        tmp_path,
        '<testsuite><testcase name="n"><failure>GET https://me:hunter22@host/</failure></testcase></testsuite>',
    )
    assert case.message == "GET https://****@host/"


_BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_BOMB.encode(), "document type"),
        (f'<?xml version="1.0" encoding="utf-16"?>{_BOMB}'.encode("utf-16"), "document type"),
        (b"<testsuite><testcase", "malformed"),
        (b"", "malformed"),
        (b'<?xml version="1.0" encoding="no-such"?><testsuite/>', "malformed"),
    ],
)
def test_files_that_are_no_honest_junit_are_refused(tmp_path: Path, text: bytes, said: str) -> None:
    """Entity bombs before anything is expanded, in any encoding; the other files still count."""
    bad, good = tmp_path / "bad.xml", tmp_path / "good.xml"
    bad.write_bytes(text)
    write_suites([suite_of("s", [Case(name="n", outcome="passed")])], good)
    seen = collect_junit([bad, good])
    assert [Case(name="s.n", outcome="passed")] == list(seen.cases)
    assert said in seen.problems[0]
    assert "bad.xml" in seen.problems[0]


def test_a_huge_junit_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is read."""
    monkeypatch.setattr(junit, "MOST_BYTES", 10)
    (tmp_path / "junit.xml").write_text("<testsuite></testsuite>")
    with pytest.raises(PermanentError, match="larger than"):
        parse_suites(tmp_path / "junit.xml")


@settings(deadline=None)
@given(name=st.text(), message=st.text())
def test_what_is_kept_can_be_read_again(tmp_path_factory: pytest.TempPathFactory, name: str, message: str) -> None:
    """Whatever a case is called and says, control characters included."""
    path = tmp_path_factory.mktemp("any") / "junit.xml"
    write_suites([suite_of("s", [Case(name=name, outcome="failed", message=message)])], path)
    (case,) = collect_junit([path]).cases
    assert case.outcome == "failed"


def test_control_characters_in_a_message_do_no_harm(tmp_path: Path) -> None:
    """Behave copies colours into its XML as they are, which makes it malformed."""
    (case,) = read(
        tmp_path, '<testsuite><testcase name="n"><failure>\x1b[31mred\x1b[0m\x00</failure></testcase></testsuite>'
    )
    assert case.outcome == "failed"
    assert "red" in case.message
