"""A notice as plain text, Markdown and HTML, for people in mailboxes and chats.

Names of models and branches and the output of tests are untrusted: they stay text. Markup in them is escaped, and a word
joiner (U+2060, invisible) breaks what chat services look for in any text they get: mentions that ring a whole channel
(`@here`, `<!channel>`), references (`#general`), bare addresses and `:emoji:`. The one thing that can be clicked is the
notice's own link.

The verdict table is laid out with spaces, in a block of code: few chats know tables, and mail programs that show plain
text get it from the HTML, where a table would fall apart.
"""

import html as markup
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit

from seatrial.records import EventKind, Notice, Verdict
from seatrial.wording.inert import JOINER, code, fence
from seatrial.wording.text import one_line

_SUBJECT: Final = 140
_SENTENCE: Final = 300
_CELL: Final = 60
_LINK: Final = 2000
_LOG_LINE: Final = 200
_MOST_LINES: Final = 10
_FOUND_BY_CHATS: Final = re.compile(r"[@<#](?=\S)|:(?=//)|(?<=www)(?=\.)|:(?=[\w+-]+:)", re.IGNORECASE)
_MARKUP: Final = re.compile(r"[\\`*\[<>~|]|(?<![^\W_])_|_(?![^\W_])|^[#=+-]|(?<=^\d)[.)]")
_ENTITY: Final = re.compile(r"&(?=#|\w+;)")
_URL_SIGNS: Final = "/?#[]!$&'()*+,;=:%~-._"
_COLOURS: Final = {
    Verdict.PASS: "#1a7f37",
    Verdict.FAIL: "#cf222e",
    Verdict.INCONCLUSIVE: "#9a6700",
    Verdict.ERROR: "#8250df",
}


def subject(notice: Notice) -> str:
    """The subject on one line, without anything that rings or could begin another header."""
    return _guarded(one_line(notice.subject, _SUBJECT))


class Form(StrEnum):
    """What a receiver shows."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


def body(notice: Notice, form: Form) -> str:
    """The notice without its subject: what happened, the link, what else there is to say, the table, the lines of a log.

    Markdown is CommonMark. HTML is what mail programs show: no style sheet, no script, no picture.
    """
    return {Form.TEXT: _plain, Form.MARKDOWN: _markdown, Form.HTML: _html}[form](notice)


def headed(notice: Notice, form: Form) -> str:
    """The body with the subject on top, for receivers that know no subject."""
    told = one_line(notice.subject, _SUBJECT)
    head = {
        Form.TEXT: f"{_guarded(told)}\n\n",
        Form.MARKDOWN: f"**{_escaped(told)}**\n\n",
        Form.HTML: f"<p><strong>{_shown(told)}</strong></p>\n",
    }
    return head[form] + body(notice, form)


def _plain(notice: Notice) -> str:
    first, *others = [_guarded(line) for line in _sentences(notice)]
    lead = f"{notice.verdict.value.upper()}: {first}" if notice.verdict else first
    link = _labelled(notice, _address(notice.link) or _guarded(_path(notice.link)))
    return _joined([lead, link, "\n".join(others), _guarded(_table(notice)), _guarded(_lines(notice))])


def _markdown(notice: Notice) -> str:
    first, *others = [_escaped(line) for line in _sentences(notice)]
    lead = f"**{notice.verdict.value.upper()}** {first}" if notice.verdict else first
    address, path = _address(notice.link), _path(notice.link)
    link = f"[{_label(notice)}](<{address}>)" if address else _labelled(notice, path and _guarded(code(path, _LINK)))
    table = _table(notice)
    blocks = [_guarded(fence(block, "")) for block in (table, _lines(notice)) if block]
    return _joined([lead, link, "\n".join(f"- {line}" for line in others), *blocks])


def _html(notice: Notice) -> str:
    first, *others = [_shown(line) for line in _sentences(notice)]
    lead = f"{_verdict(notice.verdict)} {first}" if notice.verdict else first
    address, path = _address(notice.link), _path(notice.link)
    link = f'<a href="{markup.escape(address)}">{markup.escape(address)}</a>' if address else ""
    told = _labelled(notice, link or (path and f"<code>{_shown(path)}</code>"))
    table = _table(notice)
    return _joined(
        [
            f"<p>{lead}</p>",
            f"<p>{told}</p>" if told else "",
            f"<ul>{''.join(f'<li>{line}</li>' for line in others)}</ul>" if others else "",
            *(f"<pre>{_shown(block)}</pre>" for block in (table, _lines(notice)) if block),
        ]
    )


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def line(notice: Notice) -> str:
    """The notice on one line, for a log."""
    told = dict.fromkeys([one_line(notice.subject, _SUBJECT), _sentences(notice)[0]])
    return f"{': '.join(told)}{f' ({_address(notice.link) or _path(notice.link)})' if notice.link else ''}"


def _sentences(notice: Notice) -> list[str]:
    """At least one: services refuse an empty message."""
    return [one_line(sentence, _SENTENCE) for sentence in notice.sentences] or [one_line(notice.subject, _SUBJECT)]


def _lines(notice: Notice) -> str:
    """The lines of a log, each on one line; empty where there are none."""
    return "\n".join(one_line(line, _LOG_LINE) for line in notice.lines[:_MOST_LINES])


def _cells(notice: Notice) -> list[list[str]]:
    """Headings and rows, each cell on one line."""
    return [[one_line(cell, _CELL) for cell in row] for row in (notice.headings, *notice.rows)]


def _table(notice: Notice) -> str:
    """The verdict table laid out with spaces; empty where there is none."""
    if not notice.rows:
        return ""
    rows = _cells(notice)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(_padded(row, widths) for row in rows)


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _verdict(verdict: Verdict) -> str:
    return f'<strong style="color:{_COLOURS[verdict]}">{verdict.value.upper()}</strong>'


def _guarded(value: str) -> str:
    """`value` with what chat services act on broken by an invisible sign."""
    return _FOUND_BY_CHATS.sub(lambda found: found[0] + JOINER, value)


def _escaped(value: str) -> str:
    """`value` as words in Markdown. Backslashes rather than entities, which not every chat service knows."""
    guarded = _ENTITY.sub(f"&{JOINER}", _guarded(value))
    return _MARKUP.sub(lambda found: f"\\{found[0]}", guarded)


def _shown(value: str) -> str:
    return markup.escape(_guarded(value))


def _label(notice: Notice) -> str:
    return "Address" if notice.event is EventKind.DEPLOYMENT else "Report"


def _labelled(notice: Notice, link: str) -> str:
    return f"{_label(notice)}: {link}" if link else ""


def _address(link: str) -> str:
    """The link if it leads to a web page: without a login in it, nothing in it that ends it early; else empty."""
    try:
        parts = urlsplit(one_line(link, _LINK))
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return quote(parts._replace(netloc=host).geturl(), safe=_URL_SIGNS)


def _path(link: str) -> str:
    """The link if it is no web page."""
    return "" if _address(link) else one_line(link, _LINK)
