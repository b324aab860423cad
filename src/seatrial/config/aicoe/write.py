"""Writes drafts as a commented `seatrial.yaml`, which says where everything came from and what was left out."""

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import LiteralScalarString

from seatrial.config.aicoe.drafts import Draft, Stack, Test

DEADLINE: Final = "120s"
TEST_TIMEOUT: Final = "1h"
_MOST_CELLS: Final = 64
_WIDTH: Final = 1 << 16


def seatrial_yaml(source: str, drafts: Sequence[Draft], left: Iterable[str]) -> str:
    """The text of a configuration."""
    document = CommentedMap()
    cells = 2 * sum(len(draft.stacks) or 1 for draft in drafts)
    if cells > _MOST_CELLS:
        document["max_cells"] = min(cells, 1024)
    deployments = CommentedMap()
    for draft in drafts:
        deployments[draft.name] = _deployment(draft)
        deployments.yaml_set_comment_before_after_key(draft.name, before=_comment(draft.comments), indent=2)
    document["deployments"] = deployments
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(document, out)
    return "".join(f"# {line}".rstrip() + "\n" for line in _head(source, left)) + "\n" + out.getvalue()


def _head(source: str, left: Iterable[str]) -> list[str]:
    lines = [
        f"Made from {source} by `seatrial import`.",
        "Every key: docs/reference/configuration.md. A figure that a test stores becomes a gate with, for example:",
        "  metrics: {average_latency: {from: tests, direction: lower, margin: 10%}}",
    ]
    told = [_line(sentence) for sentence in left]
    return [*lines, *(["", "Not taken:"] if told else []), *(f"- {sentence}" for sentence in told)]


def _deployment(draft: Draft) -> CommentedMap:
    deployment = CommentedMap(run=_scalar(draft.run))
    if draft.stacks:
        deployment["stacks"] = CommentedMap({name: _stack(stack) for name, stack in draft.stacks.items()})
    elif draft.stack != Stack():
        deployment["stack"] = _stack(draft.stack)
    if draft.env:
        deployment["env"] = CommentedMap(draft.env)
    deployment["health"] = CommentedMap(path=draft.health, deadline=DEADLINE)
    limits = {key: value for key, value in (("cpu", draft.cpu), ("memory", draft.memory)) if value}
    if limits:
        deployment["resources"] = CommentedMap(limits)
    deployment["tests"] = [_test(draft.test)]
    return deployment


def _stack(stack: Stack) -> CommentedMap:
    pairs: Mapping[str, str] = {"file": stack.file, "python": stack.python}
    return CommentedMap({key: value for key, value in pairs.items() if value})


def _test(test: Test) -> CommentedMap:
    written = CommentedMap(behave=test.behave, name=test.name)
    if test.stack:
        written["stack"] = test.stack
    written["timeout"] = TEST_TIMEOUT
    if test.env:
        written["env"] = CommentedMap(test.env)
    return written


def _scalar(text: str) -> str:
    """A command with quotes in it stands in a block of its own, where nothing needs escaping."""
    plain = text.isprintable() and text == text.strip()
    return LiteralScalarString(text) if '"' in text and plain else text


def _comment(lines: Iterable[str]) -> str:
    return "\n".join(_line(line) for line in lines)


def _line(text: str) -> str:
    """Text as one printable line."""
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
