"""Lines that are JSON documents."""

from tests.retrain.parse.batches import batch, column, json_parser, moment, reasons, rows, values


def test_paths_lead_into_objects_and_lists() -> None:
    """A dotted path goes through objects by name and through lists by index."""
    parser = json_parser(
        {"user": "event.user.id", "first": "items.0.name"}, column("user", "integer"), column("first", "text")
    )
    parsed = parser.parse(batch(b'{"event": {"user": {"id": 7}}, "items": [{"name": "x"}, {"name": "y"}]}'))
    assert [{"user": 7, "first": "x", "_offset": 0}] == rows(parsed)


def test_a_path_that_leads_nowhere_is_missing() -> None:
    """Also through what is no object, and past a list's end."""
    parser = json_parser({"a": "a.b.0"}, column("a", "integer"))
    parsed = parser.parse(
        batch(b"{}", b'{"a": 5}', b'{"a": {"b": []}}', b'{"a": {"b": {"0": 1}}}', b'{"a": {"b": [null]}}')
    )
    assert [1] == values(parsed, "a")
    assert {0: "a is missing", 1: "a is missing", 2: "a is missing", 4: "a is missing"} == reasons(parsed)


def test_broken_documents_are_dead() -> None:
    """Whatever is in a line, only that line is dead: also numbers beyond a double and nesting without an end."""
    lines = [b"{", b'{"a": NaN}', b'{"a": 1e999}', b"7", b"[" * 100_000, b'"\\ud800"', b'{"a": 1}', b'{"a": 1} x']
    parsed = json_parser({"a": "a"}, column("a", "number")).parse(batch(*lines))
    assert [6] == values(parsed, "_offset")
    told = reasons(parsed)
    assert "the JSON document is neither an object nor a list" == told[3]
    assert "the JSON document is nested too deeply" == told[4]
    assert all(told[line].startswith("the line is not a JSON document: ") for line in (0, 1, 2, 5, 7))
    assert {"the line is not a JSON document"} == {line.fault.kind for line in parsed.dead if line.offset in {0, 1, 2}}


def test_values_of_other_types_are_converted_only_without_a_loss() -> None:
    """4.0 is an integer, 4.5 is none; true is no number; an object is no text."""
    parser = json_parser(
        {"n": "n", "t": "t"}, column("n", "integer", optional=True), column("t", "text", optional=True)
    )
    lines = [
        b'{"n": 4.0}',
        b'{"n": 4.5}',
        b'{"n": true}',
        b'{"n": "12"}',
        b'{"t": {"a": 1}}',
        b'{"t": 5}',
        b'{"t": true}',
    ]
    parsed = parser.parse(batch(*lines))
    assert [(4, None), (12, None), (None, "5"), (None, "true")] == [(row["n"], row["t"]) for row in rows(parsed)]
    assert {1: "n: 4.5 is not an integer", 2: "n: True is not an integer", 4: "t: an object is not text"} == reasons(
        parsed
    )


def test_integers_beyond_64_bits_are_dead() -> None:
    """They are not rounded; as numbers they are."""
    parser = json_parser({"n": "n", "x": "x"}, column("n", "integer"), column("x", "number", optional=True))
    highest, beyond = 2**63 - 1, 2**63
    digits = b"9" * 4_000
    lines = [b'{"n": %d}' % highest, b'{"n": %d}' % beyond, b'{"n": 1, "x": %d}' % beyond, b'{"n": ' + digits + b"}"]
    parsed = parser.parse(batch(*lines))
    assert [(highest, None), (1, float(beyond))] == [(row["n"], row["x"]) for row in rows(parsed)]
    assert f"n: {beyond} is beyond 64 bits" == reasons(parsed)[1]
    assert reasons(parsed)[3].endswith("… is beyond 64 bits")


def test_the_messages_time_and_key_fill_what_a_document_does_not() -> None:
    """Line by line: where the document has a value, that counts."""
    parser = json_parser({"time": "time", "key": "key"}, column("time", "time"), column("key", "integer"))
    lines = [b'{"time": "2026-11-21T10:00:00Z", "key": 5}', b"{}", b'{"key": null}', b"{}"]
    parsed = parser.parse(batch(*lines, times=[1, 1000, 1500, -1], keys=[b"1", b"2", b"three", b"4"]))
    assert [(moment(2026, 11, 21, 10), 5), (moment(1970, 1, 1, 0, 0, 1), 2)] == [
        (row["time"], row["key"]) for row in rows(parsed)
    ]
    assert {2: "key: 'three' is not an integer", 3: "time is missing"} == reasons(parsed)


def test_columns_that_no_path_names_get_the_messages_own() -> None:
    """All of them at once, without looking at each line; a key that is no text makes its line dead."""
    parser = json_parser({"a": "a"}, column("a", "integer"), column("time", "time"), column("key", "text"))
    parsed = parser.parse(batch(b'{"a": 1}', b'{"a": 2}', times=[0, 1], keys=[b"k", b"\xff"]))
    assert [{"a": 1, "time": moment(1970, 1, 1), "key": "k", "_offset": 0}] == rows(parsed)
    assert {1: r"key: '\udcff' is not valid Unicode"} == reasons(parsed)


def test_a_message_without_time_and_key_leaves_null_where_that_is_allowed() -> None:
    """Optional columns take what there is."""
    columns = (column("time", "time", optional=True), column("key", "text", optional=True), column("a", "integer"))
    parsed = json_parser({"a": "a"}, *columns).parse(
        batch(b'{"a": 1}', b'{"a": 2}', times=[-1, 2000], keys=[None, b""])
    )
    assert [(None, None), (moment(1970, 1, 1, 0, 0, 2), "")] == [(row["time"], row["key"]) for row in rows(parsed)]


def test_lines_of_somebody_else_need_not_be_json() -> None:
    """`ignore` is looked for before the document is read."""
    parsed = json_parser({"a": "a"}, column("a", "integer"), ignore="^#").parse(batch(b"# comment", b'{"a": 1}'))
    assert (1, [1], ()) == (parsed.ignored, values(parsed, "a"), parsed.dead)
