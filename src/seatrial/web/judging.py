"""What a request to the judge leads to, whoever asks: the story that the handlers, and nothing else, tell over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from seatrial.ports import Clock
from seatrial.records import UsageError
from seatrial.web.asked import Asked, Fetch
from seatrial.web.fetching import UNKNOWN_SPLIT, Sources, fetched_past, fetched_since, first_begin
from seatrial.web.kept import Kept
from seatrial.web.session import Session, begin_session, check_policy, feed, load_session, remember
from seatrial.web.windows import Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What requests are answered with: the kept releases, the sources of figures, and time."""

    kept: Kept
    sources: Sources
    clock: Clock


def judged(judging: Judging, asked: Asked) -> Session:
    """The release after everything that is new about it.

    Raises UsageError for a request that can't be answered, TemporaryError if a source is silent: nothing is lost by
    asking again.
    """
    if asked.release is None:
        return _judged_alone(asked)
    with judging.kept.held(asked.release) as entry:
        session = entry.load()
        if session is None:
            session = _begun(judging, asked, asked.release)
            entry.save(session)
        elif asked.fixed:
            check_policy(session, asked.spec.policy, asked.spec.thresholds, where=asked.release)
        for given in _new(judging, asked, asked.release, session):
            feed(session, given)
        entry.save(session)
    return session


def begun_anew(judging: Judging, asked: Asked) -> Session:
    """The release from its begin, whatever was kept of it."""
    if asked.release is None:
        raise UsageError("the release has no name", where="release", remedy="name it")
    with judging.kept.held(asked.release) as entry:
        session = _begun(judging, asked, asked.release)
        entry.save(session)
    return session


def forgotten(judging: Judging, release: str) -> bool:
    """Forget a release; whether there was one."""
    if not judging.kept.knows(release):
        return False
    with judging.kept.held(release) as entry:
        return entry.delete()


def known(judging: Judging, release: str) -> Session | None:
    """What was last said of a release; asks no source, learns nothing, and leaves nothing behind."""
    if not judging.kept.knows(release):
        return None
    with judging.kept.held(release) as entry:
        return entry.load()


def _judged_alone(asked: Asked) -> Session:
    if asked.state is None:
        session = begin_session(asked.spec.policy, asked.spec.thresholds)
    else:
        session = load_session(asked.state.encode(), where="state")
        if asked.fixed:
            check_policy(session, asked.spec.policy, asked.spec.thresholds, where="state")
    _fill(session, asked)
    return session


def _fill(session: Session, asked: Asked) -> None:
    if session.begun is None and session.judged_to is None:
        for given in asked.history:
            remember(session, given)
    for given in asked.windows:
        feed(session, given)


def _begun(judging: Judging, asked: Asked, release: str) -> Session:
    session = begin_session(asked.spec.policy, asked.spec.thresholds)
    if asked.fetch is None:
        past: Iterator[Given] = iter(asked.history)
    else:
        now = judging.clock.now()
        past = fetched_past(judging.sources, asked.spec, asked.fetch, release, now)
        _mark(session, asked.fetch, now)
    for given in past:
        remember(session, given)
    return session


def _mark(session: Session, fetch: Fetch, now: datetime) -> None:
    """From here on everything is judged, also what comes with weight zero."""
    session.begun = session.judged_to = first_begin(fetch, now)
    session.notes = (UNKNOWN_SPLIT,) if fetch.weight is None else ()


def _new(judging: Judging, asked: Asked, release: str, session: Session) -> Iterator[Given]:
    if asked.fetch is None:
        return iter(asked.windows)
    now = judging.clock.now()
    since = session.judged_to or first_begin(asked.fetch, now)
    return fetched_since(judging.sources, asked.spec, asked.fetch, release, since, now)
