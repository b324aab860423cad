"""nginx's configuration as data: directives with their words, and blocks of them.

What comes from outside (paths, names of headers) is quoted here and nowhere else, so that it stays a word.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PLAIN = re.compile(r"[A-Za-z0-9_$.:/=%*~^+@,-]+")


DOLLAR = "$st_dollar"
"""A variable that is a dollar."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One line, or a block where there is a body."""

    words: tuple[str, ...]
    body: tuple["Directive", ...] | None = None


def line(*words: str) -> Directive:
    """`proxy_pass http://wine;`."""
    return Directive(words)


def block(*words: str, body: Iterable[Directive]) -> Directive:
    """`location / { … }`."""
    return Directive(words, tuple(body))


def literal(value: str) -> str:
    """A value in which no variable is filled in, for places where nginx would do that."""
    return value.replace("$", "${" + DOLLAR[1:] + "}")


def text(directives: Sequence[Directive], depth: int = 0) -> str:
    """The file."""
    return "".join(_lines(directive, depth) for directive in directives)


def _lines(directive: Directive, depth: int) -> str:
    indent = "  " * depth
    words = " ".join(quoted(word) for word in directive.words)
    if directive.body is None:
        return f"{indent}{words};\n"
    return f"{indent}{words} {{\n{text(directive.body, depth + 1)}{indent}}}\n"


def quoted(word: str) -> str:
    """A word that nginx reads as one."""
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
