"""What `seatrial judge backtest` reads of past releases, and its tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from seatrial.cli.judging import release_of, rules_of, spans
from seatrial.judge.backtest import Backtest, Moment, Past, Retold, Rules, Score, Seen, Told, Truth, replay
from seatrial.records import Decision, Release, ReleaseOutcome, ReleaseSpec, UsageError
from seatrial.web.windows import read_windows
from seatrial.wording import text
from seatrial.wording.grid import Grid

_WINDOWS, _JUDGEMENTS = "windows.jsonl", "judgements.jsonl"
_OWN, _DEFAULT = "its own rules", "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A past release, and what was said while it ran, line by line."""

    past: Past
    said: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """The first judgement of a release that the judge doesn't say again; `window` counts from 1."""

    name: str
    window: int
    at: str


def find_past(project: Path, files: Sequence[Path], service: str | None, outcomes: Sequence[str]) -> tuple[Found, ...]:
    """The releases in `files`, or the project's own. Raises UsageError."""
    found = [_from_file(path) for path in files] if files else _from_book(project, service)
    truths = _truths(outcomes, [each.past.name for each in found])
    return tuple(
        replace(each, past=replace(each.past, truth=truths.get(each.past.name, truths.get("", each.past.truth))))
        for each in found
    )


def _truths(outcomes: Sequence[str], names: Sequence[str]) -> dict[str, Truth]:
    """What the options say by release; what holds for all of them under the empty name."""
    truths: dict[str, Truth] = {}
    for outcome in outcomes:
        name, _, word = outcome.rpartition("=")
        if word not in set(Truth):
            raise UsageError(f"{word!r} is no outcome", where="--outcome", remedy="write good, bad, or NAME=bad")
        if name and name not in names:
            raise UsageError(
                f"there is no release {name!r}", where="--outcome", remedy=f"known: {', '.join(names) or 'none'}"
            )
        truths[name] = Truth(word)
    return truths


def _from_file(path: Path) -> Found:
    folder = path.is_dir()
    name = path.name if folder else path.stem
    windows = path / _WINDOWS if folder else path
    said = _whole_lines(path / _JUDGEMENTS) if folder else ()
    return Found(past=_past(name, windows, said), said=said)


def _from_book(project: Path, service: str | None) -> list[Found]:
    from seatrial.release.book import FILE, open_release_book
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    if not (root / FILE).exists():
        return []
    book = open_release_book(root)
    try:
        releases = book.past(service)
    finally:
        book.close()
    return [_from_release(root, each) for each in releases if (root / "releases" / each.id / _WINDOWS).exists()]


def _from_release(root: Path, release: Release) -> Found:
    found = _from_file(root / "releases" / release.id)
    spec = release.spec
    rules = Rules(policy=spec.policy, thresholds=spec.thresholds)
    return replace(found, past=replace(found.past, truth=_truth(release), rules=rules))


def _truth(release: Release) -> Truth | None:
    """What became of it: one that was rolled back had been promoted by mistake. One that ran out of time tells nothing."""
    if release.outcome is ReleaseOutcome.PROMOTED:
        return Truth.GOOD
    if release.outcome is ReleaseOutcome.ROLLED_BACK:
        return Truth.BAD
    judged = release.outcome is ReleaseOutcome.ABORTED and release.verdict_at is not None
    return Truth.BAD if judged else None


def _past(name: str, windows: Path, said: Sequence[bytes]) -> Past:
    """Windows with weight zero before any other are history, as for `seatrial judge run`."""
    seen: list[Seen] = []
    for given in read_windows(_whole_lines(windows), str(windows)):
        warm = given.warm or (given.window.weight == 0 and all(each.warm for each in seen[-1:]))
        seen.append(Seen(window=given.window, values=given.values, warm=warm))
    return Past(name=name, windows=tuple(seen), then=tuple(map(_moment, said)))


def _whole_lines(path: Path) -> tuple[bytes, ...]:
    """Lines that end; a release that runs may be writing the last one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        if path.name == _JUDGEMENTS:
            return ()
        raise UsageError(
            "there is no such file", where=str(path), remedy="name a file of windows, or its folder"
        ) from None
    except OSError as error:
        raise UsageError(f"it can't be read: {error.strerror}", where=str(path)) from None
    lines = data.split(b"\n")
    return tuple(line for line in lines[:-1] if line) if path.name in {_WINDOWS, _JUDGEMENTS} else tuple(lines)


def _moment(line: bytes) -> Moment:
    try:
        return msgspec.json.decode(line, type=Moment)
    except msgspec.DecodeError as error:
        raise UsageError(f"a stored judgement can't be read: {error}", where=_JUDGEMENTS) from None


def named_rules(
    project: Path, policies: Sequence[Path], service: str | None, found: Sequence[Found]
) -> Mapping[str, Rules | None]:
    """The sets of rules that are tried, by name: those named, else the service's of today, else each release's own."""
    if policies:
        return {_name(path, policies): _rules(rules_of(project, path, None, {})) for path in policies}
    if service is not None:
        return {service: _rules(release_of(project, service))}
    return {_OWN: None} if any(each.past.rules for each in found) else {_DEFAULT: Rules()}


def _name(path: Path, policies: Sequence[Path]) -> str:
    return path.stem if sum(other.stem == path.stem for other in policies) == 1 else str(path)


def _rules(spec: ReleaseSpec | None) -> Rules:
    spec = spec or ReleaseSpec()
    return Rules(policy=spec.policy, thresholds=spec.thresholds)


def unlike(found: Iterable[Found]) -> tuple[Unlike, ...]:
    """Where the judge, with the rules of then, does not say again what it said. Raises UsageError where nothing was kept."""
    differing = []
    for each in found:
        if each.past.rules is None or not each.said:
            raise UsageError(
                "nothing is kept of what was said then, and by which rules",
                where=each.past.name,
                remedy="verify the project's own releases: name no files",
            )
        index = _first_unlike(each.said, [msgspec.json.encode(said) for said in replay(each.past, each.past.rules)])
        if index is not None:
            at = str(each.past.then[index].at) if index < len(each.past.then) else ""
            differing.append(Unlike(name=each.past.name, window=index + 1, at=at))
    return tuple(differing)


def _first_unlike(said: Sequence[bytes], again: Sequence[bytes]) -> int | None:
    """Index of the first line that differs; fewer lines than judgements are no difference, since the last may be missing."""
    if len(said) > len(again):
        return len(again)
    return next(
        (
            index
            for index, (one, other) in enumerate(zip(said, again, strict=False))
            if msgspec.json.decode(one) != msgspec.json.decode(other)
        ),
        None,
    )


def unlike_sentence(each: Unlike) -> str:
    """What `--verify` prints of it."""
    return f"{each.name}: judgement {each.window} ({each.at}) is another one now"


def backtest_grid(result: Backtest) -> Grid:
    """A row for each release: what it was, what was decided then, and what each set of rules decides now."""
    names = tuple(result.scores)
    headings = ["release", "outcome", "then"]
    for name in names:
        headings += [name, "earlier by"] if len(names) == 1 else [name, f"earlier by ({name})"]
    return Grid(
        headings=tuple(headings),
        rows=tuple(_row(each, names) for each in result.releases),
        right=frozenset(heading for heading in headings if heading.startswith("earlier")),
        unwrapped=frozenset({"release"}),
    )


def _row(each: Retold, names: Sequence[str]) -> tuple[str, ...]:
    cells = [each.name, "unknown" if each.truth is None else each.truth.value, _told(each.then)]
    for name in names:
        cells += [_told(each.now[name]), _earlier(each.earlier[name])]
    return tuple(cells)


def _told(told: Told | None) -> str:
    if told is None:
        return text.MISSING
    if not told.settled:
        return "undecided" if told.decision is Decision.CONTINUE else told.decision.value
    return f"{told.decision.value} after {spans(told.seconds)}, {text.count(told.requests, 'request')}"


def _earlier(seconds: float | None) -> str:
    return f"−{spans(seconds)}" if seconds is not None and seconds < 0 else spans(seconds)


def score_grid(result: Backtest) -> Grid:
    """A row for each set of rules, and one for what was decided then."""
    scores = ({} if result.then is None else {"then": result.then}) | dict(result.scores)
    columns: tuple[tuple[str, Callable[[Score], str]], ...] = (
        ("bad", lambda score: str(score.bad)),
        ("missed", lambda score: str(score.missed)),
        ("promoted", lambda score: str(score.promoted)),
        ("good", lambda score: str(score.good)),
        ("false alarms", lambda score: str(score.alarms)),
        ("undecided", lambda score: str(score.undecided)),
        ("abort, median", lambda score: spans(score.abort_seconds)),
        ("promote, median", lambda score: spans(score.promote_seconds)),
    )
    return Grid(
        headings=("rules", *(heading for heading, _ in columns)),
        rows=tuple((name, *(show(score) for _, show in columns)) for name, score in scores.items()),
        right=frozenset(heading for heading, _ in columns),
        below=("missed: bad and not aborted; promoted: how many of these were even promoted",),
    )
