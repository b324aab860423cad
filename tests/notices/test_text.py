"""Notices as text, Markdown and HTML; untrusted text stays text in each, checked by the formats' own parsers."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seatrial.notices import text
from seatrial.notices.text import Form
from seatrial.records import EventKind, Notice, Verdict
from seatrial.wording.inert import JOINER
from seatrial.wording.text import one_line

NOTICE = Notice(
    key="trial:1",
    event=EventKind.TRIAL,
    project="digits",
    subject="digits: trial of main – fail",
    verdict=Verdict.FAIL,
    sentences=("latency_p99 went 12.1 → 18.2 ms.", "Tried main beside v6."),
    headings=("verdict", "metric", "change"),
    rows=(("fail", "latency_p99", "12.1 → 18.2 ms"), ("pass", "accuracy", "92.1 → 96.8%")),
    link="https://ci.example/runs/7?a=b&c=d",
)
RINGING = ["@here", "@channel", "@everyone", "<!channel>", "<!here>", "<@U123>", "<users/all>", "@**all**", "#general"]
NASTY = st.text(alphabet=st.sampled_from("`*_[]()<>#|~&!$@\\:/-+=1.) \n\tab{}^'\"wWx;"), max_size=60) | st.text(
    max_size=60
)
PARSER = MarkdownIt("commonmark").enable("strikethrough")


class _Page(HTMLParser):
    """The tags, links and words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src", "onclick"}]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_plain_text_is_laid_out_for_a_mailbox() -> None:
    """Verdict and headline, the link, the rest, the table in columns."""
    assert (
        "FAIL: latency_p99 went 12.1 → 18.2 ms.\n"
        "\n"
        "Report: https://ci.example/runs/7?a=b&c=d\n"
        "\n"
        "Tried main beside v6.\n"
        "\n"
        "verdict  metric       change\n"
        "fail     latency_p99  12.1 → 18.2 ms\n"
        "pass     accuracy     92.1 → 96.8%\n"
    ) == text.body(NOTICE, Form.TEXT)


def test_markdown_has_one_link_and_the_table_as_code() -> None:
    """Few services know tables."""
    assert (
        "**FAIL** latency_p99 went 12.1 → 18.2 ms.\n"
        "\n"
        "[Report](<https://ci.example/runs/7?a=b&c=d>)\n"
        "\n"
        "- Tried main beside v6.\n"
        "\n"
        "```\n"
        "verdict  metric       change\n"
        "fail     latency_p99  12.1 → 18.2 ms\n"
        "pass     accuracy     92.1 → 96.8%\n"
        "```\n"
    ) == text.body(NOTICE, Form.MARKDOWN)


def test_html_shows_the_link_and_the_table_as_it_stands() -> None:
    """Without style sheet, script or picture, and so that it can be turned into plain text."""
    page = _Page(text.body(NOTICE, Form.HTML))

    assert ["p", "strong", "p", "a", "ul", "li", "pre"] == page.tags
    assert ["https://ci.example/runs/7?a=b&c=d"] == page.links
    assert "https://ci.example/runs/7?a=b&c=d" in page.words
    assert "fail     latency_p99  12.1 → 18.2 ms" in page.words[-2].splitlines()


@pytest.mark.parametrize("form", Form)
def test_a_receiver_that_knows_no_subject_gets_it_on_top(form: Form) -> None:
    """The first words are the subject's, and the body follows."""
    whole = text.headed(NOTICE, form)

    assert whole.endswith(text.body(NOTICE, form))
    assert "digits: trial of main – fail" in whole.splitlines()[0]


@pytest.mark.parametrize("form", Form)
def test_a_notice_of_a_subject_alone_is_never_empty(form: Form) -> None:
    """Services refuse empty messages."""
    bare = Notice(key="k", event=EventKind.RELEASE, project="p", subject="p: something happened")

    assert "p: something happened" in text.body(bare, form)


def test_a_line_for_the_log() -> None:
    """Everything that matters on one line."""
    assert (
        "digits: trial of main – fail: latency_p99 went 12.1 → 18.2 ms. (https://ci.example/runs/7?a=b&c=d)"
    ) == text.line(NOTICE)


def test_a_deployment_has_an_address_and_no_report() -> None:
    """The link of such a notice is where it answers."""
    notice = replace(NOTICE, event=EventKind.DEPLOYMENT, link="http://127.0.0.1:9007")

    assert "Address: http://127.0.0.1:9007" in text.body(notice, Form.TEXT)
    assert "[Address](<http://127.0.0.1:9007>)" in text.body(notice, Form.MARKDOWN)


@pytest.mark.parametrize("form", Form)
def test_a_report_on_this_machine_is_a_path_and_no_link(form: Form) -> None:
    """A path can't be opened from a mailbox; it is shown."""
    shown = text.body(replace(NOTICE, link=".seatrial/runs/1/report.html"), form)

    assert ".seatrial/runs/1/report.html" in shown
    assert "](" not in shown
    assert "<a" not in shown


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "http://", "https://[::1", "file:///etc/passwd"]
)
def test_only_web_pages_can_be_clicked(form: Form, link: str) -> None:
    """Anything else is shown as text."""
    shown = text.body(replace(NOTICE, link=link), form)

    assert "](" not in shown
    assert "<a" not in shown


@pytest.mark.parametrize("form", Form)
def test_a_login_in_the_link_is_not_passed_on(form: Form) -> None:
    """A token of CI in an address belongs to nobody else."""
    shown = text.body(replace(NOTICE, link="https://ci:token@ci.example/r/7"), form)

    assert "https://ci.example/r/7" in shown
    assert "token" not in shown


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("ringing", RINGING)
def test_no_name_rings_a_channel(form: Form, ringing: str) -> None:
    """Mentions and references are broken wherever the text is untrusted: subject, sentences, cells, path."""
    notice = replace(
        NOTICE,
        subject=f"a {ringing}",
        sentences=(f"b {ringing}",),
        rows=(("fail", f"c {ringing}", ringing),),
        link=ringing,
    )
    shown = text.headed(notice, form) + text.subject(notice)

    assert ringing not in shown
    assert ringing not in re.sub(r"\\(.)", r"\1", shown)
    assert JOINER in shown


@given(NASTY)
@example("[click](https://evil.example) <https://evil.example> www.evil.example https://evil.example")
@example("1. not a list\n# nor a heading")
@example("``` `` ` | ~~x~~ &lt; &#64;here")
def test_markdown_is_read_back_as_the_words_it_was(value: str) -> None:
    """A CommonMark parser finds in a sentence nothing but words."""
    if not one_line(value):
        return
    tokens = PARSER.parse(text.body(replace(NOTICE, verdict=None, sentences=(value,), rows=(), link=""), Form.MARKDOWN))
    (inline,) = [token for token in tokens if token.type == "inline"]
    found = inline.children or []

    assert {"paragraph_open", "inline", "paragraph_close"} == {token.type for token in tokens}
    assert {token.type for token in found} <= {"text", "text_special"}
    assert one_line(value).split() == "".join(token.content for token in found).replace(JOINER, "").split()


@given(NASTY)
@example("```\n@here")
def test_a_cell_never_leaves_the_block_of_code(value: str) -> None:
    """However many backticks there are in it."""
    notice = replace(NOTICE, rows=(("fail", value, "x"),))
    blocks = [token for token in PARSER.parse(text.body(notice, Form.MARKDOWN)) if token.type == "fence"]

    assert 1 == len(blocks)
    assert 2 == len(blocks[0].content.splitlines())


@given(NASTY)
@example("<img src=x onerror=alert(1)>")
@example('" onmouseover="alert(1)')
@example("&lt;b&gt;</td></table>")
def test_html_is_read_back_as_the_words_it_was(value: str) -> None:
    """A parser finds the same tags as without the text, and the text as it was."""
    notice = replace(NOTICE, subject=value, sentences=(value,), rows=(("fail", value, value),), link="")
    found, clean = (
        _Page(text.headed(each, Form.HTML))
        for each in (notice, replace(notice, subject="s", sentences=("s",), rows=(("fail", "s", "s"),)))
    )

    assert clean.tags == found.tags
    assert one_line(value, 50).rstrip("…") in "".join(found.words).replace(JOINER, "")


@given(NASTY)
@example("s\r\nBcc: everyone@example.org")
def test_a_subject_is_one_line(value: str) -> None:
    """No header can be smuggled through it."""
    shown = text.subject(replace(NOTICE, subject=value))

    assert [shown] == (shown.splitlines() or [""])
    assert len(shown.replace(JOINER, "")) <= 140
