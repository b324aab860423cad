"""Untrusted text in Markdown stays text, checked with a CommonMark parser."""

import re
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from seatrial.wording import inert
from seatrial.wording.text import one_line, visible

NASTY = st.text(alphabet=st.sampled_from("`*_[]()<>#|~&!$@\\:/-+=1.) \n\tab{}^'\"wWx;"), max_size=60) | st.text(
    max_size=60
)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inline_tokens(markdown: str, block: str) -> list[Token]:
    """The tokens inside the only `block` that `markdown` may hold."""
    tokens = PARSER.parse(markdown)
    opened = [token.type for token in tokens if token.nesting == 1]
    assert opened == [block]
    (inline,) = [token for token in tokens if token.type == "inline"]
    return inline.children or []


def words(tokens: list[Token]) -> str:
    """The text that a reader sees."""
    return "".join(token.content for token in tokens if token.type in {"text", "text_special", "code_inline"})


@given(NASTY)
@example("1. not a list")
@example("![x](javascript:alert(1)) <img src=x onerror=alert(1)>")
@example("| --- | `")
@example("$PORT __x__ ~~y~~ &lt;b&gt; \\")
def test_prose_is_read_back_as_the_words_it_was(value: str) -> None:
    """A paragraph of only text (and the empty span that keeps `$` from mathematics)."""
    if not one_line(value):
        return
    tokens = inline_tokens(inert.prose(value), "paragraph_open")
    assert {(t.type, t.content) for t in tokens if t.type not in {"text", "text_special"}} <= {
        ("html_inline", "<span>"),
        ("html_inline", "</span>"),
    }
    assert one_line(value).split() == words(tokens).replace(inert.JOINER, "").split()


@given(NASTY)
@example("``` `` `")
@example("a|b`c`|d")
def test_code_is_read_back_as_code(value: str) -> None:
    """A code span, or an HTML one where there is a pipe; never anything else."""
    tokens = inline_tokens("x " + inert.code(value), "paragraph_open")
    kinds = {t.type for t in tokens}
    tags = {t.content for t in tokens if t.type == "html_inline"}
    assert kinds <= {"text", "text_special", "code_inline", "html_inline"}
    assert tags <= {"<code>", "</code>", "<span>", "</span>"}


@given(st.lists(NASTY, min_size=2, max_size=4), st.sampled_from([inert.prose, inert.code]))
def test_cells_cannot_break_out_of_a_table(values: list[str], escape: object) -> None:
    """A row has as many cells as it was given, whatever they hold."""
    assert callable(escape)
    tokens = PARSER.parse(inert.table(["x"] * len(values), [[escape(value) or "–" for value in values]]))
    body = tokens[[t.type for t in tokens].index("tbody_open") :]
    assert len(values) == sum(token.type == "td_open" for token in body)
    assert sum(token.type == "tr_open" for token in body) == 1


@given(st.text(alphabet="`~\n ab<@", max_size=80) | st.text(max_size=80))
@example("```\n````\n<b>")
@example("ok\n```\n/close")
def test_a_fence_holds_all_of_its_text(value: str) -> None:
    """One block of code and nothing beside it; lines that begin with a slash are moved by a space."""
    tokens = PARSER.parse(inert.fence(value))
    assert [token.type for token in tokens] == ["fence"]
    shown = re.sub(r"(?m)^/", " /", visible(value).strip("\n").replace("\0", "\ufffd"))
    assert shown == tokens[0].content.removesuffix("\n")


@given(NASTY)
def test_a_summary_is_plain_text(value: str) -> None:
    """Inside a fold's summary there is no tag but ours."""
    shown = inert.summary_text(value)
    assert not re.search("[<>]", shown)
    assert one_line(value) == unescape(shown).replace(inert.JOINER, "")


@pytest.mark.parametrize(
    "value",
    [
        "@octocat", "@.dotted", "see #12", "fixes #12", "owner/repo#1", "GH-12", "gh-12", "SHIP-12", "!1", "group/project!1",
        "&1", "%1", '%"next one"', "$1", "~bug", '~"to do"', "[vulnerability:1]", "*iteration:1", "https://x.example",
        "ftp://x.example", "www.x.example", "WWW.x.example", "a@b.example", ":tada:",
    ],
)  # fmt: skip
def test_mentions_references_and_addresses_are_broken_up(value: str) -> None:
    """GitHub's filters find no name, number or address to act on."""
    for shown in (inert.prose(value), inert.summary_text(value)):
        assert inert.JOINER in shown
        assert value not in shown


@given(NASTY | st.text(alphabet="aZ0 ,;.()'→−–∞%_+[]wW", max_size=20))
@example("5. x")
@example("+ x")
@example("[+3.5, +5.9] of 1,240")
@example("at most 25%")
@example("WwW.x")
@example("1) x")
def test_what_is_known_to_be_harmless_is_written_as_anything_else(value: str) -> None:
    """The short way gives what the long one gives."""
    assert inert._guarded(value, 300) == inert.prose(value)


@given(NASTY | st.sampled_from(["/close", "/seatrial run", "//x", " /close"]))
def test_no_line_begins_with_a_slash(value: str) -> None:
    """GitLab would obey it."""
    for shown in (inert.prose(value), inert.code(value), inert.fence(value)):
        assert not re.search(r"^/", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "hidden", ["\u034f", "\u115f", "\u200b", "\u202e", "\u2066", "\U0001d173", "\U000e0041", "\ufeff"]
)
def test_nothing_is_hidden(hidden: str) -> None:
    """Characters without a shape of their own are spelt out."""
    for shown in (inert.prose(f"a{hidden}b"), inert.code(f"a{hidden}b"), inert.fence(f"a{hidden}b")):
        assert hidden not in shown
        assert f"{ord(hidden):04x}" in shown


def test_a_label_of_a_chart_is_harmless() -> None:
    """No quote, bracket, semicolon, per cent sign or line break reaches Mermaid."""
    assert inert.label('a"]\n%%{init}%%;<b>', 99) == "a__ ___init_____b_"
