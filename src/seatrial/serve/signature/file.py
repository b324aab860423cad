"""The signature file: its shape, and what is said where it is misspelt.

    name: wine
    version: "2"
    steps: [scaler, model]            # order of the artifacts in a directory
    inputs:                           # or a list of names, or {count: 64, minimum: 0}
      alcohol: {type: number, minimum: 0, maximum: 100}
      color: {type: string, choices: [red, white]}
    output: {name: quality, range: [0, 10]}
    classes: [bad, good]
    example: {alcohol: 9.4, color: red}

JSON with the same keys is read as well.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from seatrial.records import UsageError
from seatrial.records.serving import Kind

_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+$")
"""A number that PyYAML takes for text, since YAML 1.1 wants a dot in it."""

Plain = Any
"""What a YAML or JSON file holds."""


class InputSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What the file says of one input; None where it says nothing.

    `shape` makes it a tensor: the first axis is the batch, null an axis of any length.
    """

    type: Kind | None = None
    dtype: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    choices: tuple[Plain, ...] | None = None
    optional: bool | None = None
    shape: tuple[int | None, ...] | None = None


class VectorSpec(InputSpec, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A vector without names: so many inputs that all have the same limits."""

    count: int


class OutputSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The prediction's name in answers, and the lowest and highest one seen in training."""

    name: str | None = None
    range: tuple[float, float] | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The whole file; `inputs`, `output` and `version` have several forms and are looked at one by one."""

    inputs: Plain = None
    output: Plain = None
    classes: tuple[Plain, ...] | None = None
    example: Plain = msgspec.UNSET
    steps: tuple[str, ...] = ()
    version: Plain = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFile:
    """A signature file as it was read.

    Attributes:
        inputs: a mapping from names to specs in the file's order, a list of names, or a vector.
        output: name and range.
        classes: of a classifier.
        example: one row; UNSET where there is none, since null can be one.
        steps: the order of the artifacts in a directory.
        version, name: as served.
        where: the file's path, for messages.
    """

    inputs: Mapping[str, InputSpec] | tuple[str, ...] | VectorSpec | None = None
    output: OutputSpec = field(default_factory=OutputSpec)
    classes: tuple[Plain, ...] | None = None
    example: Plain = msgspec.UNSET
    steps: tuple[str, ...] = ()
    version: str | None = None
    name: str | None = None
    where: str = ""


T = TypeVar("T", bound=msgspec.Struct)


def read(path: Path) -> SignatureFile:
    """Read a signature file.

    Raises:
        UsageError: it can't be read, is no YAML or JSON, or has keys or values that mean nothing.
    """
    return parse(_decode(path), str(path))


def parse(document: Plain, where: str) -> SignatureFile:
    """The content of a signature file that was read elsewhere (a Python class may hold one)."""
    content = _convert({} if document is None else document, _Document, f"{where}: ")
    return SignatureFile(
        inputs=_inputs(content.inputs, f"{where}: inputs"),
        output=_output(content.output, f"{where}: output"),
        classes=content.classes,
        example=content.example,
        steps=content.steps,
        version=_version(content.version, f"{where}: version"),
        name=content.name,
        where=where,
    )


def closest(name: object, known: Iterable[object]) -> str:
    """A remedy: the known name that was probably meant, or all of them."""
    names = [str(each) for each in known]
    match = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {match[0]}?" if match else f"known: {', '.join(names)}"


def _decode(path: Path) -> Plain:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"the signature can't be read: {error.strerror}", where=str(path)) from error
    return _json(content, path) if path.suffix == ".json" else _yaml(content, path)


def _json(content: bytes, path: Path) -> Plain:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is no JSON: {error}", where=str(path)) from error


def _yaml(content: bytes, path: Path) -> Plain:
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore] # noqa: PLC0415 - only where a file is there
    except ImportError as error:
        remedy = "pip install pyyaml, or write the same as signature.json"
        raise UsageError("YAML can't be read here", where=str(path), remedy=remedy) from error
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
    try:
        return yaml.load(content, loader)  # noqa: S506 - it is a safe one that also knows 1e-5
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"this is no YAML: {' '.join(str(error).split())}", where=str(path)) from error


def _mapping(value: Plain, where: str) -> Mapping[str, Plain]:
    if not isinstance(value, Mapping):
        raise UsageError(f"expected keys and values, not {value!r}", where=where)
    for key in value:
        if not isinstance(key, str):
            remedy = "quote it; YAML reads yes, no, on, off, true, false and numbers as something else than names"
            raise UsageError(f"the key {key!r} is no text", where=where, remedy=remedy)
    return value


def _refuse_unknown(value: Mapping[str, Plain], known: Iterable[str], where: str) -> None:
    for key in value:
        if key not in known:
            raise UsageError(f"unknown key {key}", where=where, remedy=closest(key, known))


def _convert(value: Plain, shape: type[T], where: str) -> T:
    """`value` as the struct `shape`; a wrong type or key is told with the key's name."""
    mapping = _mapping(value, where)
    _refuse_unknown(mapping, shape.__struct_fields__, where)
    try:
        return msgspec.convert(mapping, shape)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        place = f"{where}.{path.rstrip('`')}".replace(": .", ": ")
        raise UsageError(message, where=place, remedy=_remedy(path)) from error


def _remedy(path: str) -> str:
    return f"one of {', '.join(kind.value for kind in Kind)}" if path == "type`" else ""


def _inputs(value: Plain, where: str) -> Mapping[str, InputSpec] | tuple[str, ...] | VectorSpec | None:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return _names(value, where)
    mapping = _mapping(value, where)
    if isinstance(mapping.get("count"), int):
        return _vector(mapping, where)
    return {name: _convert(spec or {}, InputSpec, f"{where}.{name}") for name, spec in mapping.items()}


def _vector(value: Mapping[str, Plain], where: str) -> VectorSpec:
    vector = _convert(value, VectorSpec, where)
    if vector.count < 1:
        raise UsageError("there has to be at least one input", where=f"{where}.count")
    if vector.shape is not None:
        raise UsageError("a vector is counted or has a shape, not both", where=where)
    return vector


def _names(value: Iterable[Plain], where: str) -> tuple[str, ...]:
    names = tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f"expected a name, not {name!r}", where=where)
        if names.count(name) > 1:
            raise UsageError(f"{name} is there twice", where=where)
    return names


def _output(value: Plain, where: str) -> OutputSpec:
    if value is None:
        return OutputSpec()
    if isinstance(value, str):
        return OutputSpec(name=value)
    output = _convert(value, OutputSpec, where)
    if output.range is not None and not output.range[0] < output.range[1]:
        raise UsageError("the range is empty: its first number has to be the lower one", where=f"{where}.range")
    return output


def _version(value: Plain, where: str) -> str | None:
    if isinstance(value, float):
        raise UsageError(f"the version {value} is a number", where=where, remedy="quote it, or 1.10 becomes 1.1")
    return None if value is None else str(value)
