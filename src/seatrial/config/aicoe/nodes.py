"""YAML of other systems: values exactly as they are written, each with its line, and a memory of the keys that were read.

A version written without quotes (`3.10`) must not become the number 3.1, so scalars stay text. What is not understood is
noted with its line and left out; nothing here raises for a value.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from seatrial.config.invalid import not_yaml
from seatrial.records import UsageError

LARGEST: Final = 1 << 20
_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"
_DEEPEST: Final = 8


def documents(data: bytes, where: str) -> list[Node]:
    """The documents of a file. Raises UsageError, with the line, for what is no YAML."""
    if len(data) > LARGEST:
        raise UsageError("it is larger than 1 MiB", where=where, remedy="such a file is a few hundred lines at most")
    try:
        return [node for node in YAML(typ="rt").compose_all(data.decode()) if node is not None]
    except UnicodeDecodeError as error:
        raise UsageError(f"it is not UTF-8: {error}", where=where, remedy="make it a readable UTF-8 file") from None
    except (YAMLError, RecursionError, ValueError, AttributeError) as error:
        raise not_yaml(error, where) from None


def fields(data: bytes, where: str) -> "Fields":
    """The mapping that a file is. Raises UsageError for what is no YAML or no mapping."""
    found = documents(data, where)
    if not found or not isinstance(found[0], MappingNode):
        raise UsageError("it holds no keys", where=where, remedy="write `key: value` lines")
    return Fields(found[0], where, "", [])


class Fields:
    """One mapping.

    Args:
        node: of the file.
        where: the file's name.
        path: of the mapping in the file, for notes; empty for the whole file.
        notes: shared by all mappings of a file; gets sentences on what was left out.
    """

    def __init__(self, node: MappingNode, where: str, path: str, notes: list[str]) -> None:
        self.notes = notes
        self.path = path
        self._where = where
        self._nodes = _entries(node, 0)
        self._known: list[str] = []

    def text(self, *keys: str) -> str:
        """The text under the first of these keys that has one; empty without."""
        found = ""
        for key in keys:
            node = self._take(key)
            if isinstance(node, ScalarNode):
                found = found or str(node.value)
            elif node is not None:
                self._note(node, f"{self._place(key)} is no text and was left out")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; a single one counts as a list."""
        node = self._take(key)
        if node is None:
            return ()
        entries = node.value if isinstance(node, SequenceNode) else [node]
        return tuple(_shown(entry) for entry in entries)

    def mapping(self, key: str) -> Mapping[str, str]:
        """A mapping of texts, whatever its keys."""
        node = self._take(key)
        if isinstance(node, MappingNode):
            return {name: _shown(value) for name, value in _entries(node, 0).items()}
        if node is not None:
            self._note(node, f"{self._place(key)} is no mapping and was left out")
        return {}

    def section(self, key: str) -> "Fields | None":
        """The mapping under a key; None without."""
        node = self._take(key)
        if isinstance(node, MappingNode):
            return Fields(node, self._where, self._place(key), self.notes)
        if node is not None:
            self._note(node, f"{self._place(key)} is no mapping and was left out")
        return None

    def sections(self, key: str) -> list["Fields"] | None:
        """The mappings of a list; None where there is no such list."""
        node = self._take(key)
        if not isinstance(node, SequenceNode):
            if node is not None:
                self._note(node, f"{self._place(key)} is no list and was left out")
            return None
        found = []
        for number, entry in enumerate(node.value):
            place = f"{self._place(key)}[{number}]"
            if isinstance(entry, MappingNode):
                found.append(Fields(entry, self._where, place, self.notes))
            else:
                self._note(entry, f"{place} is no mapping and was left out")
        return found

    def skip(self, key: str) -> None:
        """Count a key as known, though nobody reads it."""
        self._known.append(key)

    def note_unknown(self) -> None:
        """Note every key that nobody asked for."""
        for key, node in self._nodes.items():
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                self._note(node, f"unknown key {self._place(key)!r} was left out{hint}")

    def _take(self, key: str) -> Node | None:
        self._known.append(key)
        node = self._nodes.get(key)
        return None if node is None or node.tag == _NULL else node

    def _place(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _note(self, node: Node, text: str) -> None:
        self.notes.append(f"{self._where}:{node.start_mark.line + 1}: {text}")


def plain(node: Node, depth: int = 0) -> object:
    """A node as dicts, lists and texts; None for null and for what lies deeper than anybody writes by hand."""
    if depth > 3 * _DEEPEST or node.tag == _NULL:
        return None
    if isinstance(node, MappingNode):
        return {key: plain(value, depth + 1) for key, value in _entries(node, 0).items()}
    if isinstance(node, SequenceNode):
        return [plain(entry, depth + 1) for entry in node.value]
    return str(node.value)


def _entries(node: MappingNode, depth: int) -> dict[str, Node]:
    """The values by key; merged mappings (`<<`) below the mapping's own keys."""
    merged: dict[str, Node] = {}
    own: dict[str, Node] = {}
    for key, value in node.value:
        if key.tag == _MERGE and depth < _DEEPEST:
            for other in _mappings(value):
                merged = {**_entries(other, depth + 1), **merged}
        elif isinstance(key, ScalarNode):
            own[str(key.value)] = value
    return {**merged, **own}


def _mappings(node: Node) -> Iterator[MappingNode]:
    for entry in node.value if isinstance(node, SequenceNode) else [node]:
        if isinstance(entry, MappingNode):
            yield entry


def _shown(node: Node) -> str:
    return str(node.value) if isinstance(node, ScalarNode) else "…"
