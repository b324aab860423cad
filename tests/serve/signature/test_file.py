"""Signature files: what they say, and what is said of their mistakes."""

from pathlib import Path
from typing import Any

import pytest

from seatrial.records import UsageError
from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.serve.signature import find, parse, read, read_file

WINE = """
name: wine
version: "2"
steps: [scaler, model]
inputs:
  alcohol: {type: number, minimum: 0, maximum: 100}
  pH: {type: number, exclusive_maximum: 14}
  color: {type: string, choices: [red, white]}
  bottles: {type: integer, exclusive_minimum: 0}
  note: {type: string, optional: true}
  organic:
output: {name: quality, range: [0, 10]}
classes: [bad, good]
example: {alcohol: 9.4, pH: 3, color: red, bottles: 1, organic: 0.5}
"""
NAMED = Signature(
    form=Form.COLUMNS,
    fields=(
        Field(name="alcohol"),
        Field(name="color", kind=Kind.STRING, dtype="object", choices=("red", "rose", "white")),
        Field(name="bottles", dtype="float32"),
    ),
)
UNNAMED = Signature(form=Form.COLUMNS, fields=tuple(Field(name=f"x{index}") for index in range(3)), named=False)
IMAGE = Signature(form=Form.TENSORS, tensors=(Tensor(name="image", dtype="int64", shape=(None, 3, None)),))
MATRIX = Signature(form=Form.TENSORS, tensors=(Tensor(name="x", dtype="float32", shape=(None, None)),))


def written(directory: Path, text: str, name: str = "signature.yaml") -> Path:
    """A signature file."""
    (directory / name).write_text(text)
    return directory / name


def merged(directory: Path, text: str, base: Signature | None = None) -> Signature:
    """The file over the base."""
    return read_file(written(directory, text), base)


def test_a_whole_file_describes_a_model_that_says_nothing(tmp_path: Path) -> None:
    """Every key, and the defaults of those that are left out."""
    expected = Signature(
        form=Form.COLUMNS,
        fields=(
            Field(name="alcohol", minimum=0, maximum=100),
            Field(name="pH", maximum=14, exclusive_maximum=True),
            Field(name="color", kind=Kind.STRING, dtype="object", choices=("red", "white")),
            Field(name="bottles", kind=Kind.INTEGER, dtype="int64", minimum=0, exclusive_minimum=True),
            Field(name="note", kind=Kind.STRING, dtype="object", optional=True),
            Field(name="organic"),
        ),
        output="quality",
        classes=("bad", "good"),
        output_range=(0, 10),
        example=[9.4, 3, "red", 1, None, 0.5],
        trusted_example=True,
    )
    assert expected == merged(tmp_path, WINE)
    file = read(tmp_path / "signature.yaml")
    assert ("wine", "2", ("scaler", "model")) == (file.name, file.version, file.steps)


def test_small_numbers_need_no_dot(tmp_path: Path) -> None:
    """Though YAML 1.1 would read text there."""
    field = merged(tmp_path, "inputs: {a: {minimum: -1e-5, maximum: 2E3}}").fields[0]
    assert (-1e-5, 2000.0) == (field.minimum, field.maximum)


def test_json_is_read_as_well(tmp_path: Path) -> None:
    """Without PyYAML."""
    path = written(tmp_path, '{"inputs": {"count": 2, "minimum": 0}, "output": "y"}', "signature.json")
    expected = (Field(name="x0", minimum=0), Field(name="x1", minimum=0))
    signature = read_file(path)
    assert (expected, False, "y") == (signature.fields, signature.named, signature.output)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    """The model's own signature stays."""
    assert merged(tmp_path, "", NAMED) == NAMED


def test_a_part_of_the_fields_may_be_narrowed(tmp_path: Path) -> None:
    """In any order; the model's order stays, and its types where the file is silent."""
    text = "inputs: {bottles: {type: integer, minimum: 1}, color: {choices: [white, red]}}"
    expected = (
        NAMED.fields[0],
        Field(name="color", kind=Kind.STRING, dtype="object", choices=("white", "red")),
        Field(name="bottles", kind=Kind.INTEGER, dtype="float32", minimum=1),
    )
    assert expected == merged(tmp_path, text, NAMED).fields


def test_names_are_given_to_a_model_without(tmp_path: Path) -> None:
    """In the file's order."""
    signature = merged(tmp_path, "inputs: [b, a, c]", UNNAMED)
    assert (["b", "a", "c"], True) == ([field.name for field in signature.fields], signature.named)


def test_a_vector_gets_shared_limits(tmp_path: Path) -> None:
    """And stays without names."""
    signature = merged(tmp_path, "inputs: {count: 3, minimum: 0, maximum: 16}", UNNAMED)
    expected = tuple(Field(name=f"x{index}", minimum=0, maximum=16) for index in range(3))
    assert (expected, False) == (signature.fields, signature.named)


def test_an_input_may_be_called_count(tmp_path: Path) -> None:
    """It has a mapping, not a number."""
    assert "count" == merged(tmp_path, "inputs: {count: {minimum: 0}}").fields[0].name


def test_a_number_that_is_text_after_all(tmp_path: Path) -> None:
    """The model's encoder may be hidden in a user's own class."""
    field = merged(tmp_path, "inputs: {alcohol: {type: string}}", NAMED).fields[0]
    assert (Kind.STRING, "object") == (field.kind, field.dtype)


def test_optional_whole_numbers_are_floats_for_the_model(tmp_path: Path) -> None:
    """Which have NaN."""
    assert "float64" == merged(tmp_path, "inputs: {n: {type: integer, optional: true}}").fields[0].dtype


def test_choices_tell_the_type(tmp_path: Path) -> None:
    """Where nobody else does."""
    fields = merged(tmp_path, "inputs: {a: {choices: [x, y]}, b: {choices: [1, 2]}, c: {choices: [1.5, 2]}}").fields
    assert [Kind.STRING, Kind.INTEGER, Kind.NUMBER] == [field.kind for field in fields]


def test_arrays_have_shapes(tmp_path: Path) -> None:
    """The first axis is the batch, whatever is written there."""
    signature = merged(tmp_path, "inputs: {image: {shape: [null, 3, 224], dtype: uint8}, mask: {shape: [1, 224]}}")
    expected = (
        Tensor(name="image", dtype="uint8", shape=(None, 3, 224)),
        Tensor(name="mask", dtype="float32", shape=(None, 224)),
    )
    assert (Form.TENSORS, expected) == (signature.form, signature.tensors)


def test_axes_that_the_model_leaves_open_are_filled_in(tmp_path: Path) -> None:
    """The type stays the model's."""
    tensors = merged(tmp_path, "inputs: {image: {shape: [null, null, 8]}}", IMAGE).tensors
    assert (Tensor(name="image", dtype="int64", shape=(None, 3, 8)),) == tensors


def test_a_single_matrix_may_have_columns(tmp_path: Path) -> None:
    """With the type of the matrix."""
    signature = merged(tmp_path, "inputs: [a, b]", MATRIX)
    assert (Field(name="a", dtype="float32"), Field(name="b", dtype="float32")) == signature.fields
    assert Form.COLUMNS is signature.form


def test_counted_classes_get_names(tmp_path: Path) -> None:
    """A model that has names keeps them."""
    counted = Signature(form=Form.JSON, classes=(0, 1))
    assert ("no", "yes") == merged(tmp_path, 'classes: ["no", "yes"]', counted).classes
    assert ("a", "b") == merged(tmp_path, "classes: [a, b]", Signature(form=Form.JSON, classes=("a", "b"))).classes


def test_the_example_may_be_a_list(tmp_path: Path) -> None:
    """In the order of the fields; and anything for a model that takes anything."""
    signature = merged(tmp_path, "example: [12, red, 3]", NAMED)
    assert ([12, "red", 3], True) == (signature.example, signature.trusted_example)
    assert {"user": [1]} == merged(tmp_path, "example: {user: [1]}", Signature(form=Form.JSON)).example


@pytest.mark.parametrize(
    ("text", "where", "message", "remedy"),
    [
        ("input: {}", "", "unknown key input", "did you mean inputs?"),
        ("inputs: {alcohol: {minimun: 0}}", "inputs.alcohol", "unknown key minimun", "did you mean minimum?"),
        ("inputs: {alkohol: {}}", "inputs", "the model has no input alkohol", "did you mean alcohol?"),
        ("inputs: {alcohol: {type: numbr}}", "inputs.alcohol.type", "numbr", "one of number, integer"),
        ("inputs: {alcohol: {minimum: low}}", "inputs.alcohol.minimum", "Expected `float", ""),
        ("inputs: {alcohol: {minimum: 0, exclusive_minimum: 0}}", "inputs.alcohol", "one is enough", ""),
        ("inputs: {alcohol: {minimum: 5, maximum: 1}}", "inputs.alcohol", "no value lies between", ""),
        ("inputs: {alcohol: {minimum: 5, exclusive_maximum: 5}}", "inputs.alcohol", "no value lies between", ""),
        (
            "inputs: {alcohol: {type: integer, exclusive_minimum: 0, exclusive_maximum: 1}}",
            "inputs.alcohol",
            "no value lies between",
            "",
        ),
        ("inputs: {alcohol: {minimum: .inf}}", "inputs.alcohol", "not finite", ""),
        ("inputs: {alcohol: {dtype: double64}}", "inputs.alcohol.dtype", "no dtype double64", "float64"),
        ("inputs: {alcohol: {shape: [null, 2]}}", "inputs", "columns, which have no shape", ""),
        ("inputs: {alcohol: high}", "inputs.alcohol", "expected keys and values", ""),
        ("inputs: {color: {minimum: 0}}", "inputs.color", "a string has no minimum", ""),
        ("inputs: {color: {choices: [yes, no]}}", "inputs.color.choices", "the model knows no True", "'red'"),
        ("inputs: {color: {choices: [red, blue]}}", "inputs.color.choices", "the model knows no 'blue'", "'rose'"),
        ("inputs: {color: {choices: []}}", "inputs.color.choices", "nothing to choose", ""),
        ("inputs: {color: {type: number}}", "inputs.color.type", "takes text there", ""),
        ("inputs: {alcohol: {choices: [1, a]}}", "inputs.alcohol.choices", "'a' is no number", ""),
        ("inputs: {alcohol: {type: string, choices: [1]}}", "inputs.alcohol.choices", "1 is no string", "quote it"),
        ("inputs: {yes: {}}", "inputs", "the key True is no text", "quote it"),
        ("inputs: [alcohol, color]", "inputs", "2 inputs are named, but the model takes 3", ""),
        ("inputs: [alcohol, alcohol]", "inputs", "alcohol is there twice", ""),
        ("inputs: [1]", "inputs", "expected a name, not 1", ""),
        ("inputs: {count: 4}", "inputs", "4 inputs are named, but the model takes 3", ""),
        ("inputs: {count: 0}", "inputs.count", "at least one input", ""),
        ("inputs: 3", "inputs", "expected keys and values", ""),
        ("output: {range: [1, 0]}", "output.range", "the range is empty", ""),
        ("output: {nam: y}", "output", "unknown key nam", "did you mean name?"),
        ("version: 1.10", "version", "is a number", "quote it"),
        ("steps: scaler", "steps", "Expected `array`", ""),
        ("example: {alcohol: 1, colour: red}", "example", "no input colour", "did you mean color?"),
        ("example: {alcohol: 1, color: red}", "example", "a value for bottles is missing", ""),
        ("example: {alcohol: 1, color: blue, bottles: 1}", "example.color", "'blue' is no one of", ""),
        ("example: [1, red]", "example", "2 values for 3 inputs", ""),
        ("example: 3", "example", "expected values by name", ""),
        ("[1, 2]", "", "expected keys and values", ""),
        ("inputs: {a: ", "", "this is no YAML", ""),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, where: str, message: str, remedy: str) -> None:
    """The file, the key, and what was probably meant."""
    with pytest.raises(UsageError) as raised:
        merged(tmp_path, text, NAMED)
    assert f"{tmp_path / 'signature.yaml'}: {where}".rstrip(": ") == raised.value.where.rstrip(": ")
    assert message in raised.value.what
    assert remedy in raised.value.remedy


@pytest.mark.parametrize(
    ("text", "base", "message"),
    [
        ("inputs: [a]", IMAGE, "the model takes arrays, not columns"),
        ("inputs: {picture: {shape: [null, 3, 8]}}", IMAGE, "the model takes the arrays image"),
        (
            "inputs: {image: {shape: [null, 4, 8]}}",
            IMAGE,
            "contradicts the model, which takes image int64 [any, 3, any]",
        ),
        ("inputs: {image: {shape: [null, 3]}}", IMAGE, "contradicts the model"),
        ("inputs: {image: {shape: [null, 3, 8], dtype: bool}}", IMAGE, "contradicts the model"),
        ("inputs: {image: {shape: [null, 3, 8], minimum: 0}}", IMAGE, "an array has no minimum"),
        ("inputs: {a: {shape: [null]}, b: {}}", None, "a shape is missing"),
        ("inputs: {count: 2, shape: [null, 2]}", None, "not both"),
        ("inputs: [a, b]", UNNAMED, "2 inputs are named, but the model takes 3"),
        ("classes: [a, b, c]", Signature(form=Form.JSON, classes=(0, 1)), "the model has 2 classes"),
        ("classes: [a, b]", Signature(form=Form.JSON, classes=("x", "y")), "names its classes itself"),
        ("classes: [a, a]", Signature(form=Form.JSON, classes=(0, 1)), "twice"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, text: str, base: Signature | None, message: str) -> None:
    """The model knows better what it takes."""
    with pytest.raises(UsageError) as raised:
        merged(tmp_path, text, base)
    assert message in raised.value.what


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    """And one that is no JSON."""
    with pytest.raises(UsageError, match="can't be read"):
        read(tmp_path / "signature.yaml")
    with pytest.raises(UsageError, match="this is no JSON"):
        read(written(tmp_path, "inputs: [a]", "signature.json"))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], None),
        (["signature.yaml"], "signature.yaml"),
        (["signature.json"], "signature.json"),
        (["signature.yaml", "forest.signature.yaml"], "forest.signature.yaml"),
        (["ridge.signature.yaml"], None),
    ],
)
def test_the_file_lies_beside_the_model(tmp_path: Path, files: list[str], found: str | None) -> None:
    """One for this model alone comes first."""
    for name in files:
        written(tmp_path, "", name)
    model = written(tmp_path, "", "forest.joblib")
    assert (None if found is None else tmp_path / found) == find(model)


def test_of_a_directory_it_lies_inside(tmp_path: Path) -> None:
    """What lies beside the directory is for others; a Python class has none at all."""
    written(tmp_path, "")
    (tmp_path / "model").mkdir()
    assert find(tmp_path / "model") is None
    assert find(tmp_path / "app:Model") is None
    assert written(tmp_path / "model", "") == find(tmp_path / "model")


def test_a_document_may_come_from_elsewhere() -> None:
    """A Python class may hold one."""
    document: dict[str, Any] = {"inputs": {"a": None}, "version": 3}
    assert "3" == parse(document, "app:Model.signature").version
