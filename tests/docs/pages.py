"""Reads the documentation as a reader does: pages, code blocks, the instructions before them, links and anchors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(`{3,})(\S*)[ \t]*(.*)$")
_COMMENT = re.compile(r"^<!--\s*(.*?)\s*-->$")
_TITLE = re.compile(r'title="([^"]+)"')
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the `title` after it, its text, and the comment on the line before it."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    note: str

    @property
    def id(self) -> str:
        """`docs/how-to/ci.md:17`, for the names of tests."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines of a console block that begin with `$ `."""
        return [line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """Every page of the documentation."""
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]


def blocks(page: Path, language: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = next(i for i in range(at + 1, len(lines)) if lines[i].rstrip() == fence[1])
        title = _TITLE.search(fence[3])
        comment = _COMMENT.match(lines[at - 1]) if at else None
        if language in {None, fence[2]}:
            text = "\n".join(lines[at + 1 : end]) + "\n"
            yield Block(page, at + 1, fence[2], title[1] if title else "", text, comment[1] if comment else "")
        at = end + 1


def prose(page: Path) -> str:
    """A page without its fenced blocks and code spans."""
    kept, inside = [], ""
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        if inside:
            inside = "" if line.rstrip() == inside else inside
        elif fence:
            inside = fence[1]
        else:
            kept.append(line)
    return re.sub(r"`[^`\n]*`", "code", "\n".join(kept))


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead to."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: dict[str, int] = {}
    names = set()
    in_code = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            in_code = not in_code
        heading = None if in_code else _HEADING.match(line)
        if heading is None:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(slug if count == 0 else f"{slug}-{count}")
    return names
