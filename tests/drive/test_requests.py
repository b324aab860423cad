"""Reading requests: what is sent, what is kept for the metrics, and what is wrong with a file, by line."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import RequestsSpec, Slice, UsageError
from seatrial.trial.drive.requests import RequestSet, load_requests
from seatrial.trial.drive.rows import type_column


def load(folder: Path, content: str | bytes, *, name: str = "requests.jsonl", **settings: Any) -> RequestSet:
    """The requests of a file with this content."""
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return load_requests(RequestsSpec(file=name, **settings), folder)


def bodies(requests: RequestSet) -> list[Any]:
    """The bodies, decoded."""
    return [msgspec.json.decode(row.body) for row in requests.rows]


def test_a_row_is_sent_whole_without_label_id_and_cluster(tmp_path: Path) -> None:
    """What identifies or judges a request is not sent; slice columns are, being inputs."""
    requests = load(
        tmp_path,
        '{"id": 7, "user": "u", "age": 3, "y": 1}\n',
        label="y",
        cluster="user",
        slices=(Slice(column="age"),),
    )
    assert [{"age": 3}] == bodies(requests)
    assert [(1, "u", {"age": 3})] == [(row.label, row.cluster, dict(row.columns)) for row in requests.rows]


def test_a_field_can_be_the_body_and_be_wrapped(tmp_path: Path) -> None:
    """`body` picks the field, `wrap` puts it under a key."""
    line = '{"x": [1, 2.5], "colour": "red"}'
    picked = load(tmp_path, line, body="x", wrap="inputs", slices=(Slice(column="colour"),))
    assert [{"inputs": [1, 2.5]}] == bodies(picked)
    assert {"colour": "red"} == dict(picked.rows[0].columns)


def test_slice_columns_are_found_in_the_body_too(tmp_path: Path) -> None:
    """The column of a slice is often an input."""
    requests = load(tmp_path, '{"x": {"age": 4}}', body="x", slices=(Slice(column="age", bins=(0, 5)),))
    assert {"age": 4} == dict(requests.rows[0].columns)


def test_rows_that_are_not_objects_are_sent_as_they_are(tmp_path: Path) -> None:
    """Where no field is asked for, any JSON is a request; blank lines are none."""
    assert [[1, 2], "text", None] == bodies(load(tmp_path, '[1, 2]\n\n"text"\r\nnull'))


def test_csv_is_typed_by_column(tmp_path: Path) -> None:
    """Integers, floats and text are told apart by the whole column; an empty cell is null; codes keep their zeros."""
    requests = load(tmp_path, 'a,b,c,d\n1,1,x,"007"\n2,2.5,3,01\n,,,\n', name="r.csv")
    expected = [
        {"a": 1, "b": 1.0, "c": "x", "d": "007"},
        {"a": 2, "b": 2.5, "c": "3", "d": "01"},
        {"a": None, "b": None, "c": None, "d": None},
    ]
    assert expected == bodies(requests)
    assert [int, float] == [type(value) for value in list(bodies(requests)[0].values())[:2]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_delimiters_are_recognised(tmp_path: Path, delimiter: str) -> None:
    """Comma, semicolon and tab; the other ones may stand in quotes."""
    content = f'"a, b"{delimiter}c\n"1;5"{delimiter}2\n'
    assert [{"a, b": "1;5", "c": 2}] == bodies(load(tmp_path, content, name="r.csv"))


def test_csv_may_have_a_byte_order_mark_and_quoted_line_breaks(tmp_path: Path) -> None:
    """As spreadsheets write it."""
    assert [{"a": "x\ny", "b": 1}] == bodies(load(tmp_path, '\ufeffa,b\r\n"x\ny",1\r\n', name="r.csv"))


def test_labels_from_the_rows(tmp_path: Path) -> None:
    """Labels are any JSON."""
    requests = load(tmp_path, '{"x": 1, "y": "cat"}\n{"x": 2, "y": 0}\n', label="y")
    assert ("cat", 0) == requests.labels


def test_no_labels_are_none(tmp_path: Path) -> None:
    """Without labels there are none, rather than a list of nulls."""
    assert load(tmp_path, "{}").labels is None


@pytest.mark.parametrize(
    ("name", "content", "label", "expected"),
    [
        ("labels.csv", "1\n0\n", None, (1, 0)),
        ("labels.csv", "y\n1\n0\n", "y", (1, 0)),
        ("labels.csv", "label\r\ncat\r\ndog\r\n", None, ("cat", "dog")),
        ("labels.csv", "id,y\n1,cat\n2,dog\n", "y", ("cat", "dog")),
        ("labels.txt", "1.5\n2\n", None, (1.5, 2.0)),
        ("labels.jsonl", '"cat"\n[1]\n', None, ("cat", [1])),
        ("labels.jsonl", '{"y": 1}\n{"y": 2}\n', "y", (1, 2)),
    ],
)
def test_labels_from_a_second_file(
    tmp_path: Path, name: str, content: str, label: str | None, expected: tuple[Any, ...]
) -> None:
    """One label a line, as CSV with or without a header, JSON lines or text."""
    (tmp_path / name).write_bytes(content.encode())
    assert expected == load(tmp_path, '{"x": 1}\n{"x": 2}\n', labels=name, label=label).labels


def test_rows_are_repeated_as_often_as_needed(tmp_path: Path) -> None:
    """`count` cycles through the rows; None is each once."""
    requests = load(tmp_path, "1\n2\n3\n")
    assert ((0, 1, 2), (0, 1), (0, 1, 2, 0, 1, 2, 0)) == tuple(requests.indices(count) for count in (None, 2, 7))


def test_the_digest_covers_both_files(tmp_path: Path) -> None:
    """A changed request or label changes the digest; reading again doesn't."""

    def digest(content: str, labels: str) -> str:
        (tmp_path / "labels.txt").write_text(labels)
        return load(tmp_path, content, labels="labels.txt").digest

    first = digest("1\n2", "a\nb")
    assert first.startswith("sha256:")
    assert first == digest("1\n2", "a\nb")
    assert 3 == len({first, digest("1\n3", "a\nb"), digest("1\n2", "a\nc")})


_DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("content", "settings", "where", "what"),
    [
        ('{"a": 1}\n{"a": }\n', {}, ":2", "malformed JSON"),
        ('{"a": 1}\n\n{"a": 1} x', {}, ":3", "malformed JSON"),
        ('{\n"a": 1\n}\n', {}, ":1", "JSON lines"),
        ('{"a": NaN}', {}, ":1", "NaN and infinity are not JSON"),
        ('{"a": -Infinity}', {}, ":1", "write null"),
        ('{"a": 1e999}', {}, ":1", "NaN and infinity are not JSON"),
        (b'{"a": 1}\n{"a": "\xff"}', {}, ":2", "not UTF-8"),
        (_DEEP, {}, ":1", "nested too deeply"),
        ("", {}, "", "no row"),
        ("\n \n", {}, "", "no row"),
        ("[1]", {"body": "x"}, ":1", "this row is a list, and requests.body needs an object"),
        ('{"inptus": 1}', {"body": "inputs"}, ":1", "did you mean 'inptus'?"),
        ('{"a": 1}', {"label": "y"}, ":1", "no field 'y', which requests.label asks for"),
        ('{"y": 1}\n{"y": null}', {"label": "y"}, ":2", "has no label"),
        ('{"y": 1}\n{"z": 1}', {"label": "y"}, ":2", "no field 'y'"),
        ('{"a": 1}', {"cluster": "user"}, ":1", "requests.cluster"),
        ('{"user": [1]}', {"cluster": "user"}, ":1", "the cluster 'user' is a list"),
        ('{"a": 1}', {"slices": (Slice(column="age"),)}, ":1", "requests.slices"),
        ('{"age": "old"}', {"slices": (Slice(column="age", bins=(0, 1)),)}, ":1", "'age' is a text"),
        ('{"age": {}}', {"slices": (Slice(column="age"),)}, ":1", "'age' is an object"),
    ],
)
def test_what_is_wrong_with_json_lines(
    tmp_path: Path, content: str | bytes, settings: dict[str, Any], where: str, what: str
) -> None:
    """The error names the file and the line."""
    with pytest.raises(UsageError) as raised:
        load(tmp_path, content, **settings)
    assert f"requests.jsonl{where}" == raised.value.where
    assert what in str(raised.value)


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        ("", "", "no row"),
        ("a,b\n", "", "no row"),
        ("a,b\n1,2\n3\n", ":3", "1 fields where the header has 2"),
        ("a,b\n1,2,3\n", ":2", "3 fields where the header has 2"),
        ("a,a\n1,2\n", ":1", "two columns are named 'a'"),
        ("a,\n1,2\n", ":1", "column 2 has no name"),
        ("a,b\n1,2\nnan,2\n", ":3", "'nan' is not a number"),
        ("a,b\n1,2\n-inf,2\n", ":3", "'-inf' is not a number"),
        ('a,b\n1,"2\n', ":2", "malformed CSV"),
        (b"a,b\n1,2\n1,\xff\n", ":3", "not UTF-8"),
    ],
)
def test_what_is_wrong_with_csv(tmp_path: Path, content: str | bytes, where: str, what: str) -> None:
    """The error names the file and the line."""
    with pytest.raises(UsageError) as raised:
        load(tmp_path, content, name="r.csv")
    assert f"r.csv{where}" == raised.value.where
    assert what in str(raised.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    """A typing error is mended at a glance."""
    (tmp_path / "requests.jsonl").touch()
    with pytest.raises(UsageError, match=r"did you mean requests\.jsonl\?"):
        load_requests(RequestsSpec(file="request.jsonl"), tmp_path)


@pytest.mark.parametrize("name", ["data/r.jsonl", "."])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str) -> None:
    """A folder, or a file in a folder that isn't there."""
    with pytest.raises(UsageError):
        load_requests(RequestsSpec(file=name), tmp_path)


@pytest.mark.parametrize(
    ("labels", "where", "what"),
    [
        ("1\n", "labels.txt", "1 labels for the 2 requests of requests.jsonl"),
        ("1\n2\n3\n", "labels.txt", "3 labels for the 2 requests"),
        ("", "labels.txt", "0 labels for the 2 requests"),
        ("1\n\n", "labels.txt", "1 labels for the 2 requests"),
        ("\n1\n", "labels.txt:1", "has no label"),
        ("1\nnan\n", "labels.txt:2", "'nan' is not a number"),
    ],
)
def test_labels_must_match_the_requests(tmp_path: Path, labels: str, where: str, what: str) -> None:
    """One label for each request."""
    (tmp_path / "labels.txt").write_text(labels)
    with pytest.raises(UsageError) as raised:
        load(tmp_path, "1\n2\n", labels="labels.txt")
    assert where == raised.value.where
    assert what in str(raised.value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(rows=st.lists(JSON, min_size=1, max_size=5))
def test_any_json_arrives_as_it_was_written(rows: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Bodies are the rows, value for value."""
    content = b"\n".join(map(msgspec.json.encode, rows))
    requests = load(tmp_path_factory.mktemp("rows"), content, wrap="w")
    assert [{"w": msgspec.json.decode(msgspec.json.encode(row))} for row in without_ids(rows)] == bodies(requests)


def without_ids(rows: list[Any]) -> list[Any]:
    """The rows as they are sent."""
    return [{key: row[key] for key in row if key != "id"} if isinstance(row, dict) else row for row in rows]


@given(content=st.binary(max_size=200), name=st.sampled_from(["r.jsonl", "r.csv"]))
def test_no_bytes_break_the_reading(content: bytes, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever is in the file, there are requests or an error that says where."""
    found = ""
    try:
        requests = load(tmp_path_factory.mktemp("rows"), content, name=name)
    except UsageError as error:
        found = error.where
    assert found.startswith(name) or len(requests) > 0


@given(values=st.lists(st.integers(-(10**17), 10**17) | st.none(), min_size=1))
def test_integers_survive_csv(values: list[int | None]) -> None:
    """Typing a column of integers gives the integers back."""
    cells = [(line, "" if value is None else str(value)) for line, value in enumerate(values)]
    assert values == type_column("r.csv", cells)
