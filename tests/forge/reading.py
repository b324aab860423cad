"""Reads a comment as forges do: as Markdown, then through the filters that make links and mentions of plain text."""

import re
from collections.abc import Iterator

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from seatrial.wording.inert import JOINER
from seatrial.wording.text import visible

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = frozenset({"sub", "details", "summary", "code", "br", "span", "b"})
_HIDDEN = re.compile(r"<!-- seatrial:(earlier|[0-9a-f]{16} v1 [A-Za-z0-9_-]*) -->\n?")
_MARKUP = frozenset({"image", "em_open", "s_open", "hr", "code_block", "lheading_open"})
# GitHub: mentions, references, addresses, emoji. GitLab: merge requests, epics, milestones, snippets, labels, alerts.
_FILTERS = re.compile(
    r"""@[\w.]|#\w|(?i:\bGH-\d)|\b[A-Z][A-Z0-9_]*-\d|[!&%$]\d|[%~]["\w]|\[[a-z_]+:|\*[a-z_]+:|:[\w+-]*[A-Za-z_][\w+-]*:|\w:/\d*/|(?i:www)\."""
)
NASTY_WORDS = (
    "@alice", "@acme/team", "@.all", "#1", "GH-1", "acme/wine#1", "acme/wine!1", "fixes #1", "closes acme/wine#1", "SHIP-7",
    "!1", "&1", "%1", '%"next"', "$1", "~bug", '~"to do"', "[vulnerability:1]", "*iteration:1", ":tada:", "/close",
    "/seatrial run", "ok\n/close\n/approve", "```\n/close\n```", "ok\n````\n/close\n````", "~~~\n/close",
    "![x](https://evil.example/x.png)", "[x](https://evil.example)", "<https://evil.example>", "https://evil.example",
    "www.evil.example", "mailto:x@evil.example", "<img src=x onerror=alert(1)>", "<!-- hidden", "-->",
    "<!-- seatrial:earlier -->", "a\n<!-- seatrial:earlier -->\nb", "</details>", "</summary>", "| a | b |\n| --- | --- |",
    "\u202egnp.exe", "a\u200bb", "\U000e0041", "\x1b[31mred", "$x^2$", "# heading", "> quote", "- item", "1. item", "===",
    "---", "a\r\nb", "`x`", "\\", "***", "__x__", "\u2060", "\ufeff",
)  # fmt: skip
NASTY = st.one_of(
    st.sampled_from(NASTY_WORDS),
    st.lists(st.sampled_from(NASTY_WORDS), min_size=2, max_size=3).map(" ".join),
    st.lists(st.sampled_from(NASTY_WORDS), min_size=2, max_size=3).map("\n".join),
    st.text(
        alphabet=st.sampled_from("`*_[]()<>#|~&!$@%\\:/-+=1.) \n\tab{}^'\"wW;\u202e\u200b\x1b"), min_size=1, max_size=40
    ),
)


def dangers(markdown: str, links: frozenset[str] = frozenset()) -> list[str]:
    """What a forge would do that nobody meant it to; empty for a harmless text.

    Args:
        markdown: of a comment or a check.
        links: addresses that it may link to.
    """
    found = [f"obeys {line}" for line in markdown.splitlines() if line.startswith("/")]
    if visible(markdown.replace(JOINER, "")) != markdown.replace(JOINER, "").replace("\r", ""):
        found.append("hides a character")
    for token in PARSER.parse(markdown):
        found += _dangers_of(token, links)
    return found


def _dangers_of(token: Token, links: frozenset[str]) -> Iterator[str]:
    for inner in [token, *(token.children or [])]:
        if inner.type in _MARKUP:
            yield f"has {inner.type}"
        if inner.type == "link_open" and inner.attrs["href"] not in links:
            yield f"links to {inner.attrs['href']}"
        if inner.type in {"html_inline", "html_block"}:
            yield from _dangers_of_html(inner.content)
        if inner.type == "fence" and inner.info not in {"text", "mermaid", "sh"}:
            yield f"has code in {inner.info}"
    for words in _plain(token):
        if seen := _FILTERS.search(words):
            yield f"makes something of {words[max(seen.start() - 5, 0) : seen.end() + 10]!r}"


def _dangers_of_html(html: str) -> Iterator[str]:
    rest = _HIDDEN.sub("", html)
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z!?][^\s>]*)", rest))
    if not tags <= OURS:
        yield f"has the tags {tags - OURS}"
    if re.search(r"<\w+\s+[^>]", rest):
        yield f"has an attribute in {rest!r}"
    yield from (f"makes something of {seen[0]!r}" for seen in [_FILTERS.search(_outside_code(rest))] if seen)


def _outside_code(html: str) -> str:
    return re.sub(r"<code>.*?</code>|&#x?\w+;|&\w+;|<[^>]*>", " ", html)


def _plain(token: Token) -> Iterator[str]:
    """The runs of text in which a forge's filters look: between tags and links, outside code."""
    run = ""
    in_code = False
    for inner in token.children or []:
        if inner.type in {"text", "text_special"} and not in_code:
            run += inner.content
            continue
        in_code = inner.content == "<code>" if inner.type == "html_inline" and "code" in inner.content else in_code
        yield run
        run = ""
    yield run
