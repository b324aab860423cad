"""Untrusted text in Markdown and XML: log lines, package names, test output and file names stay text.

Forges read a comment twice: once as Markdown, then their filters look through the text of the page for mentions
(`@name`), references (`#1`, `GH-1`; GitLab: also `!1`, `&1`, `%1`, `$1`, `~label`, `[vulnerability:1]`; Gitea: also `!1` and
`ABC-1`), emoji, bare addresses and `$mathematics$`. `prose` guards against both: what has a meaning in Markdown is escaped
(CommonMark 0.31, sections 2.4 and 2.5), and a word joiner (U+2060, invisible) breaks what the filters look for. `code` and
`fence` need less: the filters leave code alone. GitLab also obeys a line that begins with `/close` and the like before it
reads any Markdown; no line here begins with a slash.
"""

import html
import re

from seatrial.records import Verdict
from seatrial.wording.text import MISSING, one_line, visible

SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❔", Verdict.ERROR: "⚠️"}
JOINER = "\u2060"
_MARKUP = re.compile(r"[\\`*\[<>|~&]|(?<![^\W_])_|_(?![^\W_])|^[#=/]|^\+(?=\s|$)|^-(?=[\s-]|$)")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_FILTERED = re.compile(
    r"""@(?=\S)|#(?=\w)|[!&$](?=\d)|[%~](?=["\w])|\b[Gg][Hh]-(?=\d)|\b[A-Z][A-Z0-9_]{0,9}-(?=\d)"""
    r"""|:(?=//)|(?<=[Ww]{3})(?=\.)|:(?=[\w+-]+:)|\[(?=[a-z_]+:)|\*(?=[a-z_]+:)"""
)
# What `_guarded` changes nothing of but the brackets of an interval: most of what a report says, and most of its time.
_HARMLESS = re.compile(
    r"""(?!\d{1,9}[.)](?:\s|$)|\+(?:\s|$)|.*[Ww]\.)"""
    r"""(?:[A-Za-z0-9,;.()'→−–±∞µ+\]]++|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|(?<!^)\ (?=[^\s])|%(?!["\w])|\[(?=[+−∞\d]))++"""
)
_QUICK_ACTION = re.compile(r"^/", re.MULTILINE)


def prose(value: str, limit: int = 300) -> str:
    """`value` as plain words inside a line or a table's cell, at most `limit` characters of it; `–` for none."""
    if len(value) <= limit and _HARMLESS.fullmatch(value):
        return value.replace("[", "\\[")
    return _guarded(value, limit)


def _guarded(value: str, limit: int) -> str:
    guarded = _FILTERED.sub(lambda found: found[0] + JOINER, one_line(value, limit) or MISSING)
    escaped = _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(_escaped, guarded))
    return escaped.replace("$", "<span>$</span>")


def _escaped(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if found[0] in "<>&|" else f"\\{found[0]}"


def code(value: str, limit: int = 120) -> str:
    """`value` as code inside a line or a table's cell, at most `limit` characters of it."""
    shown = one_line(value, limit)
    if not shown:
        return MISSING
    if "`" not in shown and "|" not in shown:
        return f"`{shown}`"
    if "|" in shown:
        return f"<code>{prose(shown, limit)}</code>"
    ticks = "`" * (_longest_run(shown) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fence(value: str, language: str = "text") -> str:
    """`value` as a block of code whose fence is longer than any run of backticks in it.

    A line that begins with a slash begins with a space: GitLab looks for `/close` and the like in code whose fence holds
    another one.
    """
    shown = _QUICK_ACTION.sub(" /", visible(value).strip("\n"))
    ticks = "`" * max(3, _longest_run(shown) + 1)
    return f"{ticks}{language}\n{shown}\n{ticks}"


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall("`+", value)), default=0)


def summary_text(value: str, limit: int = 300) -> str:
    """`value` inside a `<summary>`, where no Markdown is read."""
    return html.escape(_FILTERED.sub(lambda found: found[0] + JOINER, one_line(value, limit)))


def details(summary: str, body: str) -> str:
    """A folded block; `summary` is HTML already."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def table(heads: list[str], lines: list[list[str]], *, right: frozenset[int] = frozenset()) -> str:
    """A table whose cells are Markdown already; the columns in `right` are aligned to the right."""
    rule = ["---:" if index in right else "---" for index in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rule, *lines])


def label(value: str, limit: int = 30) -> str:
    """`value` as a label of a Mermaid chart: letters, digits and a few harmless signs, the rest as `_`."""
    return re.sub(r"[^\w .,:+=/()@…-]", "_", one_line(value, limit))


def for_xml(text: str) -> str:
    """`text` without the characters that XML 1.0 forbids, each replaced by U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)
