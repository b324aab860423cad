"""Markdown that fits: parts that give way to one another, in an order that their author decides.

Forges bound the size of what they take. A text is made of parts, each with ever shorter forms; they shorten one step at a
time until all of it fits. A part is rendered only when it is needed, and once per form, so that a form that never had a
chance costs nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Render = Callable[[int], str]
"""A part at a level: 0 is the whole, each further one shorter, empty where there is nothing (left) to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a text gives way.

    Attributes:
        parts: by name, in the order in which they stand.
        gives_way: names in the order in which they go down a level.
        note: name of the part that is at level 0 while all is whole, and at level 1 from the first step on.
        whole: names of the parts that stay whole at their last level when nothing else helps.
        by_lines: names of those that are then cut between two of their lines.
    """

    parts: Mapping[str, Render]
    gives_way: Sequence[str]
    note: str
    by_lines: Sequence[str]
    whole: Sequence[str] = ()


@dataclass(slots=True)
class _Shelf:
    """The forms that were rendered by now, with their sizes in bytes."""

    parts: Mapping[str, Render]
    forms: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)

    def form(self, name: str, level: int) -> tuple[str, int]:
        """A part at a level, and its size."""
        found = self.forms.get((name, level))
        if found is None:
            rendered = self.parts[name](level)
            found = self.forms[name, level] = (rendered, size_of(rendered))
        return found

    def fits(self, levels: Mapping[str, int], limit: int) -> bool:
        """Whether all of it fits; stops to render as soon as it does not."""
        room = limit + 1  # n parts have n - 1 blank lines between them, two bytes each, and one line feed at the end
        for name, level in levels.items():
            _, size = self.form(name, level)
            room -= size + 2 if size else 0
            if room < 0:
                return False
        return True

    def join(self, levels: Mapping[str, int]) -> str:
        """All of it, with blank lines between the parts."""
        return "\n\n".join(part for name, level in levels.items() if (part := self.form(name, level)[0])) + "\n"


def fit(layout: Layout, limit: int | None) -> str:
    """The longest form of a text that fits.

    Args:
        layout: of the text.
        limit: most bytes of UTF-8; None for no bound.
    """
    shelf = _Shelf(layout.parts)
    levels = dict.fromkeys(layout.parts, 0)
    if limit is None or shelf.fits(levels, limit):
        return shelf.join(levels)
    levels[layout.note] = 1
    for step, name in enumerate(layout.gives_way):
        levels[name] += 1
        if shelf.fits(levels, limit):
            gone = [other for other in layout.gives_way[:step] if other != name]
            return shelf.join(_taken_back(shelf, levels, gone, limit))
    return _cut(layout, shelf, levels, limit)


def _taken_back(shelf: _Shelf, levels: dict[str, int], gone: Sequence[str], limit: int) -> Mapping[str, int]:
    """The levels with what was given up last at its old one, then what was given up before it, for as long as it fits.

    A part that takes one large step, as a wide table does, leaves room that those before it gave up for nothing.
    """
    for name in reversed(gone):
        levels[name] -= 1
        if not shelf.fits(levels, limit):
            levels[name] += 1
            break
    return levels


def size_of(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _cut(layout: Layout, shelf: _Shelf, levels: Mapping[str, int], limit: int) -> str:
    """What must stay, then whole lines for as long as they fit: every line of a table stands by itself."""
    head = "".join(f"{shelf.form(name, levels[name])[0]}\n\n" for name in layout.whole)
    note = shelf.form(layout.note, 1)[0]
    room = limit - size_of(head) - size_of(note) - 3
    kept: list[str] = []
    lines = "\n\n".join(part for name in layout.by_lines if (part := shelf.form(name, levels[name])[0]))
    for line in f"{lines}\n".split("\n"):
        room -= size_of(line) + 1
        if room < 0:
            break
        kept.append(line)
    return head + "\n".join([*kept, "", note, ""])
