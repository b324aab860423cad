"""`report.html`: one page that needs nothing else."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.pages.page import ASSETS
from seatrial.trial.report import render_html
from seatrial.wording import text
from tests.report import builders
from tests.report.test_markdown import hostile


class Page(HTMLParser):
    """The elements of a page and the text of each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.tags.append(tag)
        self._open.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        """Leave the element."""
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        """Note the words, apart from scripts and style."""
        if self._open and self._open[-1] == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif not self._open or self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """What a reader sees, spaces made single."""
        return " ".join(" ".join(self.words).split())


def test_the_page_names_no_other_file() -> None:
    """No source, link or address is fetched: only anchors within the page."""
    page = Page(render_html(builders.six()))
    fetched = [
        (tag, value) for tag, name, value in page.attributes if name in {"src", "href", "srcset", "action", "data"}
    ]
    assert all(value is not None and value.startswith("#") for _, value in fetched)
    assert not {"link", "img", "iframe", "object", "embed"} & set(page.tags)


def test_the_policy_admits_exactly_the_scripts_of_the_page() -> None:
    """By digest; no eval, and nothing else by default."""
    page = Page(render_html(builders.report()))
    policy = next(
        value
        for tag, name, value in page.attributes
        if tag == "meta" and name == "content" and value and "default-src" in value
    )
    digests = re.findall(r"'sha256-([^']+)'", policy)
    scripts = [script for attributes, script in page.scripts if "type" not in attributes]
    assert digests == [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


def test_the_tables_say_everything_without_javascript() -> None:
    """Every figure of every comparison is in the page's own text."""
    report = builders.six()
    page = Page(render_html(report))
    for deployment in report.deployments:
        assert deployment.name in page.text
        for comparison in deployment.comparisons:
            assert text.figures(comparison).candidate.split()[0] in page.text
    assert "ModuleNotFoundError: No module named 'lightgbm'" in page.text
    assert "seatrial trial examples/digits --base" in page.text


def test_each_plot_has_its_data_and_a_name() -> None:
    """Every place for a plot points to a specification in the page, and has a label."""
    page = Page(render_html(builders.report(builders.sliced_deployment())))
    places = [value for tag, name, value in page.attributes if name == "data-spec"]
    specs = {a.get("id"): json.loads(script) for a, script in page.scripts if a.get("type") == "application/json"}
    assert len(places) == 9
    assert all(specs[place]["description"] for place in places)
    assert sum(name == "aria-label" and bool(value) for tag, name, value in page.attributes if tag == "div") >= len(
        places
    )


def test_a_verdict_is_told_in_words_and_signs() -> None:
    """Colour is never the only sign."""
    page = Page(render_html(builders.six()))
    for said in ("✔ pass", "✘ fail", "? inconclusive", "! error"):
        assert said in page.text


def test_of_many_deployments_only_those_in_trouble_are_unfolded() -> None:
    """Up to three all are."""
    six, one = render_html(builders.six()), render_html(builders.report())
    opened = re.compile(r'<details class="deployment \w+" id="deployment-\d+" open>')
    assert len(opened.findall(six)) == 3
    assert len(opened.findall(one)) == 1


def test_an_interrupted_trial_is_marked() -> None:
    """Right under the verdict."""
    assert "Interrupted. This report holds what was finished" in Page(render_html(builders.report(complete=False))).text


def test_nothing_not_finite_reaches_a_script() -> None:
    """NaN and infinities would break JSON."""
    for attributes, script in Page(render_html(builders.not_finite())).scripts:
        if attributes.get("type") == "application/json":
            json.loads(script, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(name)))


@given(st.text(alphabet=st.sampled_from("<>/&'\"-!scriptmgonerror=x{}%# \n\u2028\u202e\x00"), min_size=1, max_size=40))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_word_of_the_report_becomes_markup(value: str) -> None:
    """Whatever names, logs and packages hold, the page has the same elements."""
    assert elements(f"x{value}") == elements("name")


def test_the_classic_attack_stays_text() -> None:
    """A log that closes the script, and one that opens a template's braces."""
    attack = "</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
    page = Page(render_html(builders.report(builders.broken_deployment(attack, log=attack))))
    assert attack in page.text
    assert "img" not in page.tags


def elements(value: str) -> list[str]:
    """The elements of a page made from hostile words."""
    return Page(render_html(replace(hostile(value), headline="x"))).tags


def test_the_vendored_scripts_are_those_that_were_checked_in() -> None:
    """Their digests stand in assets/README.md, and a licence lies beside each."""
    listed = dict(
        re.findall(r"^\| \[([\w-]+)\].*`([0-9a-f]{64})` \|$", (ASSETS / "README.md").read_text(), re.MULTILINE)
    )
    assert listed == {
        path.name.removesuffix(".min.js"): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in ASSETS.glob("*.min.js")
    }
    assert all((ASSETS / f"{name}.LICENSE").read_text() for name in listed)


def test_no_asset_can_end_its_own_element() -> None:
    """Scripts and style are put into the page as they are."""
    for path in [*ASSETS.glob("*.js"), *ASSETS.glob("*.css")]:
        assert not re.search(r"</(script|style)|<!--", path.read_text(), re.IGNORECASE)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, as WCAG 2.2 defines it."""
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(scheme: int) -> None:
    """WCAG AA (4.5 to 1) for every text colour, in light and in dark; 3 to 1 for the lines of plots."""
    style = (ASSETS / "report.css").read_text()
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    token = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    verdicts = ["pass", "fail", "inconclusive", "error"]
    pairs = [(ink, ground) for ink in ("ink", "muted", "link", *verdicts) for ground in ("card", "page", "sunk")]
    pairs += [(verdict, f"{verdict}-tint") for verdict in verdicts]
    pairs += [(ink, f"{verdict}-tint") for ink in ("ink", "muted") for verdict in verdicts]
    poor = {
        pair: contrast(token[pair[0]], token[pair[1]])
        for pair in pairs
        if contrast(token[pair[0]], token[pair[1]]) < 4.5
    }
    assert poor == {}
    lines = ["baseline", "candidate", *(f"mixed-{number}" for number in range(1, 7))]
    assert [name for name in lines if contrast(token[name], token["card"]) < 3] == []
