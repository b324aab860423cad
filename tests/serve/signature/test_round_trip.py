"""What is written of a signature is read as the same signature, and a made-up row fits it."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.signature import read_file, to_document, write_example
from seatrial.serve.signature.values import fits, integers

NAMES = st.text("abcxyz ÄÖ_-:#'\"{}", min_size=1, max_size=6)
BOUNDS = st.none() | st.floats(-1e6, 1e6)


@st.composite
def number_fields(draw: st.DrawFn, name: str) -> Field:
    """A number or whole number with any range that holds a value."""
    kind = draw(st.sampled_from([Kind.NUMBER, Kind.INTEGER]))
    low, high = draw(BOUNDS), draw(BOUNDS)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high) + 2
    return Field(
        name=name,
        kind=kind,
        dtype=draw(st.sampled_from(["float64", "float32", "int64"])),
        minimum=low,
        maximum=high,
        exclusive_minimum=low is not None and draw(st.booleans()),
        exclusive_maximum=high is not None and draw(st.booleans()),
        optional=draw(st.booleans()),
    )


@st.composite
def other_fields(draw: st.DrawFn, name: str) -> Field:
    """Text or truth values, with or without choices."""
    if draw(st.booleans()):
        return Field(name=name, kind=Kind.BOOLEAN, dtype="bool", optional=draw(st.booleans()))
    choices = draw(st.lists(NAMES, unique=True, max_size=3))
    optional = draw(st.booleans())
    return Field(name=name, kind=Kind.STRING, dtype="object", choices=tuple(choices), optional=optional)


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    """Columns, named or not, or tensors."""
    names = draw(st.lists(NAMES, unique=True, min_size=1, max_size=4))
    shared: dict[str, Any] = {
        "output": draw(NAMES),
        "classes": tuple(draw(st.lists(NAMES, unique=True, max_size=3))),
        "output_range": draw(st.none() | st.just((-1.0, 2.5))),
    }
    form = draw(st.sampled_from(["named", "vector", "tensors"]))
    if form == "tensors":
        shapes = st.lists(st.none() | st.integers(1, 5), max_size=2)
        tensors = (
            Tensor(name=name, dtype=draw(st.sampled_from(["float32", "int64", "object"])), shape=(None, *draw(shapes)))
            for name in names
        )
        return Signature(form=Form.TENSORS, tensors=tuple(tensors), **shared)
    if form == "vector":
        one = draw(number_fields(name=""))
        fields = [replace(one, name=f"x{index}") for index in range(len(names))]
        return Signature(form=Form.COLUMNS, fields=tuple(fields), named=False, **shared)
    fields = [draw(draw(st.sampled_from([number_fields, other_fields]))(name=name)) for name in names]
    return Signature(form=Form.COLUMNS, fields=tuple(fields), **shared)


def reread(signature: Signature, base: Signature | None = None) -> Signature:
    """Through a file; JSON is YAML as well."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "signature.yaml"
        path.write_bytes(msgspec.json.encode(to_document(signature)))
        return read_file(path, base)


@given(signatures())
def test_a_signature_is_read_as_it_was_written(signature: Signature) -> None:
    """With nothing else known of the model."""
    assert signature == reread(signature)


@given(signatures())
def test_a_signature_laid_over_itself_stays(signature: Signature) -> None:
    """A file may repeat what the model says."""
    assert signature == reread(signature, signature)


@given(signatures())
def test_a_made_up_row_fits(signature: Signature) -> None:
    """It is taken as the example of the same signature."""
    example = write_example(signature)
    document = {**to_document(signature), "example": example}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "signature.json"
        path.write_bytes(msgspec.json.encode(document))
        assert example == read_file(path).example
    if signature.form is Form.COLUMNS:
        assert all(fits(field, value) for field, value in zip(signature.fields, example, strict=True))


@given(number_fields(name="n"), st.integers(-1_000_000, 1_000_000))
def test_whole_numbers_fit_between_the_outermost_ones(field: Field, value: int) -> None:
    """And nowhere else."""
    assume(field.kind is Kind.INTEGER)
    low, high = integers(field)
    assert (low <= value <= high) == fits(field, value)


def test_examples_of_arrays_are_one_row() -> None:
    """Open axes have length one."""
    tensors = (
        Tensor(name="image", dtype="float32", shape=(None, 2, None)),
        Tensor(name="word", dtype="object", shape=(None,)),
        Tensor(name="flags", dtype="bool", shape=(None, 2)),
    )
    expected: dict[str, Any] = {"image": [[1.0], [1.0]], "word": "text", "flags": [False, False]}
    assert expected == write_example(Signature(form=Form.TENSORS, tensors=tensors))


def test_there_is_no_example_of_any_json() -> None:
    """Nothing is known of it."""
    assert write_example(Signature(form=Form.JSON)) is None
