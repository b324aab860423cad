"""What `seatrial judge` reads before it judges, and how it prints what was said."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli.output import Format, print_grid, print_json, print_sentences
from seatrial.config import load_project, read_release, to_release
from seatrial.config.quantities import parse_duration
from seatrial.records import Decision, Judgement, ReleaseSpec, UsageError
from seatrial.release.report.words import metric_rows, split_words
from seatrial.web.answers import NOTHING_YET, answer_of
from seatrial.web.session import Session, begin_session, check_policy, load_session
from seatrial.wording import text
from seatrial.wording.grid import Grid

if TYPE_CHECKING:
    from seatrial.web.judge import JudgeServer


def changes(
    margins: Iterable[str],
    *,
    alpha: str | None = None,
    beta: str | None = None,
    warmup: str | None = None,
    soak: str | None = None,
) -> dict[str, object]:
    """What the options say, as keys of a release. Raises UsageError."""
    given: dict[str, object] = {"warmup": warmup, "soak": soak}
    for name, value in {"alpha": alpha, "beta": beta}.items():
        given[name] = None if value is None else _number(name, value)
    given["margins"] = dict(map(_pair, margins)) or None
    return {key: value for key, value in given.items() if value is not None}


def _number(name: str, value: str) -> float:
    with suppress(ValueError):
        return float(value)
    raise UsageError(f"{value!r} is no number", where=f"--{name}", remedy="write for example 0.01")


def _pair(option: str) -> tuple[str, str]:
    name, sign, value = option.partition("=")
    if not (name and sign and value):
        raise UsageError(f"{option!r} is no margin", where="--margin", remedy="write for example latency_p99=10%")
    return name, value


def rules_of(
    project: Path, policy: Path | None, service: str | None, given: Mapping[str, object]
) -> ReleaseSpec | None:
    """What a release is held to; None where nothing on the command line says so. Raises UsageError."""
    if policy is not None and service is not None:
        raise UsageError("both --policy and --service are given", where="--service", remedy="keep one of them")
    if policy is not None:
        return read_release(_text(policy), where=str(policy), changes=given)
    if service is None:
        return to_release(given, where="the options") if given else None
    if given:
        raise UsageError(
            f"--service {service} says what holds, and options change it",
            where=", ".join(f"--{name}" for name in given),
            remedy="write them into a file for --policy",
        )
    return release_of(project, service)


def release_of(project: Path, service: str) -> ReleaseSpec:
    """How a service of the project is released. Raises UsageError."""
    releases = load_project(project).releases
    if service not in releases:
        known = ", ".join(releases) or "none"
        raise UsageError(f"there is no service {service!r}", where="seatrial.yaml: services", remedy=f"known: {known}")
    return releases[service]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"it can't be read: {error}", where=str(file), remedy="name a readable UTF-8 file") from None


def opened(state: Path | None, spec: ReleaseSpec | None) -> Session:
    """The session in a file, or a new one. Raises UsageError if the file was begun with another policy."""
    if state is None or not state.exists():
        begun = spec or ReleaseSpec()
        return begin_session(begun.policy, begun.thresholds)
    session = load_session(state.read_bytes(), where=str(state))
    if spec is not None:
        check_policy(session, spec.policy, spec.thresholds, where=str(state))
    return session


def print_every(judgement: Judgement, form: Format) -> None:
    """One line: of text, or of JSON."""
    if form is Format.JSON:
        print_line(judgement)
    else:
        print_sentences([f"{judgement.at:%Y-%m-%d %H:%M:%S} {judgement.decision.value}: {judgement.why}"])


def print_line(value: object) -> None:
    """One line of JSON on standard output."""
    import sys

    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def print_judged(session: Session, form: Format) -> None:
    """The last judgement with its table."""
    if form is Format.JSON:
        print_json(answer_of(session))
    elif session.last is None:
        print_sentences([f"continue: {NOTHING_YET}"])
    else:
        print_grid(judgement_grid(session.last))
        print_sentences([f"{session.last.decision.value}: {session.last.why}"])


def judgement_grid(judgement: Judgement) -> Grid:
    """A row a metric, and below it what concerns them all."""
    rows = metric_rows(judgement)
    stable, canary = judgement.requests
    below = [
        f"{judgement.windows:,} windows to {judgement.at:%Y-%m-%d %H:%M:%S} UTC",
        f"{stable:,} requests of stable and {canary:,} of the canary; split: {split_words(judgement)}",
    ]
    if judgement.more is not None and judgement.decision is Decision.CONTINUE:
        below.append(f"about {judgement.more:,} more requests of the canary until promotion")
    if judgement.warming:
        below.append("the canary is warming up; only hard limits hold")
    return Grid(
        headings=("metric", "stable", "canary", "effect", "may be worse by", "harm", "safe", "seen", "verdict"),
        rows=tuple((*row.cells, row.verdict.value) for row in rows),
        right=frozenset({"stable", "canary", "effect", "may be worse by", "harm", "safe", "seen"}),
        below=(*below, *judgement.notes),
    )


def judge_server(
    project: Path, keep: Path | None, forget: str, *, sources: frozenset[str] | None, token: str | None
) -> "JudgeServer":
    """What `seatrial judge serve` is made of. Raises UsageError."""
    from seatrial.config import find_project
    from seatrial.trial.workspace import open_workspace
    from seatrial.web.fetching import Sources
    from seatrial.web.judge import JudgeServer
    from seatrial.web.judging import Judging
    from seatrial.web.kept import Kept
    from seatrial.wiring import open_clock, open_sources

    found = find_project(project)
    folder = keep or open_workspace(project).root / "judge"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        seconds = parse_duration(forget)
    except OSError as error:
        raise UsageError(
            f"it can't be made: {error.strerror}", where=str(folder), remedy="name another --keep"
        ) from None
    except ValueError as error:
        raise UsageError(str(error), where="--forget") from None
    clock = open_clock()
    metrics, query = open_sources()
    return JudgeServer(
        judging=Judging(
            kept=Kept(folder=folder, clock=clock, forget=seconds),
            sources=Sources(metrics=metrics, query=query),
            clock=clock,
        ),
        services={} if found is None else {name: _with_login(name, spec) for name, spec in found.releases.items()},
        sources=sources,
        token=token,
    )


def _with_login(service: str, spec: ReleaseSpec) -> ReleaseSpec:
    """The project's own URLs with `${NAME}` filled in from the environment; those in requests are taken as they are."""
    import os

    from seatrial.trial.build.environment import filled

    def url(text: str) -> str:
        return filled(text, os.environ, what="the url of a Prometheus", where=f"services.{service}.release")

    return replace(
        spec,
        source=replace(spec.source, url=url(spec.source.url)),
        thresholds=tuple(replace(each, url=url(each.url)) for each in spec.thresholds),
    )


def spans(seconds: float | None) -> str:
    """A span of time, `–` for none."""
    return text.MISSING if seconds is None else text.duration(abs(seconds))
