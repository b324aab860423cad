"""`report.md`: the report of a release for a chat, a ticket or a pull request."""

from seatrial.records import ReleaseEvent, ReleaseReport
from seatrial.release.report import words
from seatrial.wording import text
from seatrial.wording.inert import SIGNS, code, details, fence, prose, table

_MOST_EVENTS = 40


def render_markdown(report: ReleaseReport) -> str:
    """The report as Markdown (GitHub's flavour)."""
    parts = [
        _verdict(report),
        _metrics(report),
        _facts(report),
        _events(report),
        _failing(report),
        _mirrored(report),
        _platform(report),
        _notes(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(report: ReleaseReport) -> str:
    title = f"## {SIGNS[report.verdict]} {report.verdict.value}: release of {prose(report.release.service)}"
    return f"{title}\n\n**{prose(report.headline, 600)}**"


def _metrics(report: ReleaseReport) -> str:
    rows = words.metric_rows(report.judgement)
    if not rows:
        return "Nothing was judged yet."
    lines = [[f"{SIGNS[row.verdict]} {code(row.name)}", *(prose(cell) for cell in row.cells[1:])] for row in rows]
    legend = (
        "<sub>Harm: e-value against “the canary is no worse”. Safe: e-value against “worse than it may be”. "
        "Each is settled where it reaches what stands after “of”, however often it is looked at.</sub>"
    )
    return f"### Metrics\n\n{table(list(words.METRIC_HEADS), lines)}\n\n{legend}"


def _facts(report: ReleaseReport) -> str:
    release = report.release
    stable = "–" if release.baseline is None else f"{release.model}@{release.baseline}"
    judgement = report.judgement
    facts = [
        ["Canary", code(f"{release.model}@{release.number}")],
        ["Stable", code(stable)],
        ["Steps", prose(" → ".join(words.steps(release)), 600)],
        ["Split", prose(words.split_words(judgement))],
        ["Requests", " / ".join(f"{count:,}" for count in judgement.requests) if judgement else text.MISSING],
        ["Took", words.took(report)],
        ["Begun by", prose(release.who)],
        ["Id", code(release.id)],
    ]
    return f"### Release\n\n{table(['', ''], facts)}"


def _events(report: ReleaseReport) -> str:
    if not report.events:
        return ""
    body = table(["Time (UTC)", "", ""], [_event(event) for event in report.events[-_MOST_EVENTS:]])
    return details(f"Timeline ({text.count(len(report.events), 'event')})", body)


def _event(event: ReleaseEvent) -> list[str]:
    who = f" ({event.who})" if event.who else ""
    return [f"{event.at:%Y-%m-%d %H:%M:%S}", event.kind.value, prose(f"{event.text}{who}", 400)]


def _failing(report: ReleaseReport) -> str:
    if not report.failing:
        return ""
    return details("The canary's last failing requests", fence("\n".join(report.failing)))


def _mirrored(report: ReleaseReport) -> str:
    lines = words.mirrored_lines(report)
    return "### Copies\n\n" + "\n".join(f"- {prose(line, 400)}" for line in lines) if lines else ""


def _platform(report: ReleaseReport) -> str:
    rows = words.platform_rows(report)
    if not rows:
        return ""
    return details("Platform", table(list(words.PLATFORM_HEADS), [[prose(cell) for cell in row] for row in rows]))


def _notes(report: ReleaseReport) -> str:
    return "\n".join(f"- {prose(note, 400)}" for note in report.notes)
