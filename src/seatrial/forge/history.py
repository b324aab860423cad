"""The fold "Earlier commits" at the end of a comment, and how a comment's text is taken apart and put together again."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from seatrial.forge.marker import Entry, Outcome, State, marker, shortened, without_marker
from seatrial.wording.inert import SIGNS, code, details, prose, table
from seatrial.wording.text import count, visible
from seatrial.wording.unfold import unfolded

EARLIER = "<!-- seatrial:earlier -->"
_SIGNS = {Outcome.of(verdict): sign for verdict, sign in SIGNS.items()} | {
    Outcome.QUEUED: "⏳",
    Outcome.RUNNING: "⏳",
    Outcome.CANCELLED: "⏹️",
    Outcome.SUPERSEDED: "⏭️",
    Outcome.BROKEN: "⚠️",
}
_SHOWN = 3
_SAFE = "/:?#[]@!$&*+,;=%~-._"


def sign_of(outcome: Outcome) -> str:
    """The sign that a comment begins with."""
    return _SIGNS[outcome]


def marker_part(project: str, state: State) -> Callable[[int], str]:
    """The hidden line, which forgets what it need not know where room is short."""
    return lambda level: marker(project, shortened(state, level))


def earlier_part(earlier: tuple[Entry, ...], *, folds: bool) -> Callable[[int], str]:
    """The fold: all commits with their headlines, without them, three of them, none.

    Its hidden line is there in any case: the last such line of a comment is ours, whatever a log held before it.
    """

    def render(level: int) -> str:
        kept = earlier[: (len(earlier), len(earlier), _SHOWN, 0)[level]]
        if not kept:
            return EARLIER
        told = count(len(earlier), "earlier commit")
        block = details(told[0].upper() + told[1:], _rows(kept, headlines=not level))
        return f"{EARLIER}\n{block if folds else unfolded(block)}"

    return render


def _rows(entries: tuple[Entry, ...], *, headlines: bool) -> str:
    heads = ["Commit", "Verdict", "When", *(["Headline"] if headlines else [])]
    return table(heads, [[*_cells(entry), *([prose(entry.headline, 240)] if headlines else [])] for entry in entries])


def _cells(entry: Entry) -> list[str]:
    word = f"{sign_of(entry.outcome)} {entry.outcome.value}"
    when = f"{entry.at:%Y-%m-%d %H:%M} UTC"
    return [code(entry.commit[:12]), link_to(word, entry.link), when]


def link_to(words: str, url: str) -> str:
    """Markdown of a link with our own words to a web address; the words alone where it is none."""
    address = web_address(url)
    return f"[{words}](<{address}>)" if address else words


def web_address(url: str) -> str:
    """`url` with everything in it that could end a link's target encoded; empty if it is no address of the web."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and visible(url) == url
    except ValueError:
        return ""
    return quote(url, safe=_SAFE).replace("|", "%7C") if is_web else ""


def main_text(body: str) -> str:
    """What a comment says of its own commit: without the hidden line and without the fold."""
    lines = without_marker(body).replace("\r\n", "\n").split("\n")
    end = len(lines) - lines[::-1].index(EARLIER) - 1 if EARLIER in lines else len(lines)
    return "\n".join(lines[:end]).strip("\n")
