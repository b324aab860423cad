"""Read `seatrial.yaml` and say exactly what is wrong with it: file, line, key, the nearest known name, the remedy."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from seatrial.config.convert import to_project
from seatrial.config.foreign import CONFIG_NAME, ConfigText, Folder, find_config
from seatrial.config.invalid import InvalidError, not_yaml
from seatrial.config.metrics import nearest
from seatrial.config.releasing import to_releases
from seatrial.config.schema import ReleaseInput, ServiceInput
from seatrial.config.whole import ProjectInput
from seatrial.records import Project, ReleaseSpec, UsageError

_LARGEST = 1 << 20
_MOST_NODES = 100_000
_RELEASE = ("services", "", "release")


def load_project(folder: Path) -> Project:
    """The project in `folder`, also one whose configuration is another system's. Raises UsageError."""
    return load_with_notes(folder)[0]


def load_with_notes(folder: Path) -> tuple[Project, tuple[str, ...]]:
    """The project in `folder`, and sentences on what was left out of a configuration that is another system's. Raises UsageError."""
    file = folder / CONFIG_NAME
    try:
        found = ConfigText(name=CONFIG_NAME, text=file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = _foreign(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"it can't be read: {error}", where=str(file), remedy="make it a readable UTF-8 file"
        ) from None
    where = str(folder / found.name)
    return read_project(found.text, where=where, default_name=folder.resolve().name), found.notes


def _foreign(folder: Path) -> ConfigText:
    """What the folder has in place of a `seatrial.yaml`. Raises UsageError if that is nothing."""
    found = find_config(Folder(folder))
    if found is None:
        raise no_config(folder)
    return found


def no_config(folder: Path) -> UsageError:
    """The error for a folder without a configuration."""
    return UsageError(
        f"there is no {CONFIG_NAME}",
        where=str(folder),
        remedy="run seatrial in the folder that has one, or give that folder as an argument",
    )


def find_project(folder: Path) -> Project | None:
    """The project in `folder`; None where it has no `seatrial.yaml`. Raises UsageError for one that is wrong."""
    return load_project(folder) if (folder / CONFIG_NAME).is_file() else None


@lru_cache(maxsize=4)
def read_project(text: str, *, where: str, default_name: str) -> Project:
    """The project that `text` means; `where` names it in errors. Raises UsageError.

    What was read is remembered: a server needs the same text again and again, and a hundred services take a fifth of a second.
    """
    document = _parse(text, where)
    try:
        given = ProjectInput.model_validate(_plain(document, _Budget(where)))
        return to_project(given, _as_name(default_name))
    except ValidationError as error:
        raise UsageError(
            "; ".join(_explained(document, error)),
            where=where,
            remedy="see docs/reference/configuration.md for every key",
        ) from None
    except InvalidError as error:
        raise UsageError(error.message, where=_place(document, where, error.key), remedy=error.remedy) from None


def read_release(text: str, *, where: str, changes: Mapping[str, object] | None = None) -> ReleaseSpec:
    """What the keys below `services.NAME.release` mean on their own; `changes` are laid over them. Raises UsageError."""
    document = _parse(text, where)
    given = _plain(document, _Budget(where))
    return _release(_laid_over(given, changes or {}), document, where)


def to_release(given: Mapping[str, object], *, where: str) -> ReleaseSpec:
    """The same of keys that are values already. Raises UsageError."""
    return _release(given, CommentedMap(), where)


def _release(given: object, document: CommentedMap, where: str) -> ReleaseSpec:
    try:
        release = ReleaseInput.model_validate(given)
        return to_releases({"": ServiceInput(release=release)})[""]
    except ValidationError as error:
        raise UsageError(
            "; ".join(_explained(document, error, _RELEASE)),
            where=where,
            remedy="see services.NAME.release in docs/reference/configuration.md for every key",
        ) from None
    except InvalidError as error:
        key = error.key[len(_RELEASE) :]
        raise UsageError(error.message, where=_place(document, where, key), remedy=error.remedy) from None


def _laid_over(given: object, changes: Mapping[str, object]) -> object:
    """Mappings are joined, anything else is replaced."""
    if not isinstance(given, Mapping):
        return changes
    return {**given, **{key: _joined(given.get(key), value) for key, value in changes.items()}}


def _joined(old: object, new: object) -> object:
    return _laid_over(old, new) if isinstance(new, Mapping) else new


def _as_name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "._-" else "-" for char in text).strip("._-")[:63] or "project"


def _parse(text: str, where: str) -> CommentedMap:
    if len(text) > _LARGEST:
        raise UsageError(
            "it is larger than 1 MiB", where=where, remedy="a configuration is a few hundred lines at most"
        )
    try:
        document = YAML(typ="rt").load(text)
    except (YAMLError, RecursionError, ValueError) as error:
        raise not_yaml(error, where) from None
    if not isinstance(document, CommentedMap):
        raise UsageError(
            "it holds no keys", where=where, remedy="start with `deployments:`; see docs/reference/configuration.md"
        )
    return document


class _Budget:
    """Counts nodes, so that aliases of aliases (a `billion laughs`) end in an error and not in memory."""

    def __init__(self, where: str) -> None:
        self.left = _MOST_NODES
        self.where = where

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise UsageError("its aliases expand to too many values", where=self.where, remedy="write the values out")


def _plain(node: object, budget: _Budget) -> object:
    """The document as ordinary Python values."""
    budget.spend()
    if isinstance(node, Mapping):
        return {str(key): _plain(value, budget) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(value, budget) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None else str(node)


def _explained(document: CommentedMap, error: ValidationError, under: Sequence[str | int] = ()) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        key = tuple(part for part in problem["loc"] if part != "[key]")
        line = _line(document, key)
        place = ".".join(str(part) for part in key)
        prefix = f"line {line}: " if line else ""
        if problem["type"] == "extra_forbidden":
            near = nearest(str(key[-1]), _keys_at((*under, *key[:-1])))
            yield f"{prefix}unknown key {place!r}" + (f"; did you mean {near!r}?" if near else "")
        elif problem["type"] == "missing":
            yield f"{prefix}{place!r} is missing"
        else:
            message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            yield f"{prefix}{place}: {message[0].lower()}{message[1:]}"


def _line(document: CommentedMap, key: Sequence[str | int]) -> int | None:
    """The line (from 1) of the deepest part of `key` that the file has."""
    node: Any = document
    line: int | None = None
    for part in key:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + 1
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
        else:
            return line
        node = node[part]
    return line


def _place(document: CommentedMap, where: str, key: Sequence[str | int]) -> str:
    line = _line(document, key)
    return f"{where}:{line}" if line else where


def _keys_at(path: Sequence[str | int]) -> list[str]:
    """The keys that are known at `path`, for suggestions: walks the models, through mappings and lists."""
    model: type[BaseModel] | None = ProjectInput
    rest = list(path)
    while rest and model is not None:
        field = model.model_fields.get(str(rest.pop(0)))
        if field is None:
            return []
        nested = _model_in(field.annotation)
        if rest and nested is not None and not _is_plain_model(field.annotation):
            rest.pop(0)
        model = nested
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def _is_plain_model(annotation: object) -> bool:
    """Whether the annotation is the model itself (or optional), and not a mapping or list of it."""
    origin = getattr(annotation, "__origin__", None)
    return origin not in (dict, tuple, list) and not any(
        getattr(argument, "__origin__", None) in (dict, tuple, list) for argument in getattr(annotation, "__args__", ())
    )


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)
