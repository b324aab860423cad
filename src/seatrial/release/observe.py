"""What a release sees: it asks for windows, gives each to the judge, and keeps both.

Asking may take long and is done in another thread. What was kept is the truth: an observer that comes after a crash loads
the judge's last state, gives it the windows since then, and knows bit for bit what its predecessor knew.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, Final

from seatrial.ports import Watched
from seatrial.records import Arm, Decision, Judgement, Release, SeatrialError, Threshold, Window
from seatrial.release.course import Course
from seatrial.release.kept import Dumped, Kept, Observed
from seatrial.release.queried import ask
from seatrial.release.tools import ReleaseTools

DUMP_EVERY: Final = 30
AT_ONCE: Final = 60
"""After a long time away the windows are many; so many are judged in one turn, so that other releases get theirs."""
ASK_AGAIN_SECONDS: Final = 1.0

_Values = dict[str, float | None]


class Observer:
    """The eyes and the judge of one release.

    Args:
        release: that has begun.
        tools: the surroundings.
        course: what the canary got when.
    """

    def __init__(self, release: Release, tools: ReleaseTools, course: Course) -> None:
        self.judgement: Judgement | None = None
        self.trouble = ""
        self._tools = tools
        self._course = course
        self._kept = Kept(tools.folder / release.id)
        self._spec = release.spec
        self._asking: Future[tuple[list[tuple[Window, _Values]], str]] | None = None
        self._not_before = float("-inf")
        self._came: deque[tuple[Window, _Values]] = deque()
        self._requests = Requests(release.spec.thresholds)
        self._full = self._unjudged = ""
        self._until: datetime | None = None
        self._windows = self._judged = 0
        self._state: Any = None
        self._since = _first(release)
        self._go_on()

    @property
    def writable(self) -> bool:
        """Whether all that was seen is on disk."""
        return not self._kept.waiting

    @property
    def troubles(self) -> Iterator[tuple[str, str]]:
        """What is wrong, by what it is about; no words where nothing is."""
        yield "figures", self.trouble
        yield "judge", self._unjudged
        yield "disk", self._full

    def look(self, release: Release, watched: Watched) -> Iterator[Observed]:
        """The windows that are new, each judged and kept when the next one is asked for."""
        self._retry()
        self._hear()
        self._ask(release, watched)
        self._hear()
        for _ in range(min(AT_ONCE, len(self._came))):
            yield self._take(*self._came.popleft(), release.overruled)
            if self.judgement is not None and self.judgement.decision is Decision.ABORT:
                return

    # from what was kept

    def _go_on(self) -> None:
        self._kept.mend()
        windows, judgements = self._kept.windows(), self._kept.judgements()
        self._load(self._kept.dumped(), windows, judgements)
        for observed in windows[self._windows :]:
            self._judge(observed, keep=self._judged >= len(judgements))
        for observed in windows:
            self._requests.add(observed.window)
        if windows:
            self._since = windows[-1].window.end

    def _load(self, dumped: Dumped | None, windows: Sequence[Observed], judgements: Sequence[Judgement]) -> None:
        """Begin with the state that was kept, if it belongs to what else was kept; else with none."""
        self._state = self._tools.judge.begin(self._spec.policy, self._spec.thresholds)
        if dumped is None or dumped.lines > len(windows) or dumped.judged > len(judgements):
            return
        try:
            self._state = self._tools.judge.load(dumped.state)
        except Exception:  # noqa: BLE001 - whatever is wrong with it: all windows are there to judge anew
            return
        self._windows, self._judged = dumped.lines, dumped.judged
        self._until = windows[dumped.lines - 1].window.end if dumped.lines else None
        self.judgement = judgements[dumped.judged - 1] if dumped.judged else None

    # asking

    def _ask(self, release: Release, watched: Watched) -> None:
        clock = self._tools.clock
        now = clock.now()
        span = timedelta(seconds=watched.seconds)
        if self._since - now > 2 * span:
            self.trouble = f"the clock went back: everything until {self._since:%H:%M:%S} UTC was seen already"
            return
        if self._asking is None and now - self._since >= span and clock.monotonic() >= self._not_before:
            self._asking = self._tools.threads.submit(self._fetch, release, watched, self._since, now)

    def _fetch(
        self, release: Release, watched: Watched, since: datetime, until: datetime
    ) -> tuple[list[tuple[Window, _Values]], str]:
        """The windows with what the thresholds' queries say; what was wrong with the last of these, in words."""
        found, trouble = [], ""
        for window in self._tools.metrics(release).windows(watched, since, until):
            values, trouble = self._ask_queries(watched, window)
            found.append((window, values))
        return found, trouble

    def _ask_queries(self, watched: Watched, window: Window) -> tuple[_Values, str]:
        """A query that is not answered neither holds nor is it crossed, and promotion waits."""
        self._requests.add(window)
        values: _Values = {}
        trouble = ""
        for threshold in self._spec.thresholds:
            if not threshold.query:
                continue
            values[threshold.name] = None
            try:
                source = self._tools.query(threshold.url)
                seen = self._requests.of(threshold)
                values[threshold.name] = ask(source, threshold, watched, window.end, seen)
            except SeatrialError as error:
                trouble = f"{threshold.name}: {error.what}"
        return values, trouble

    def _hear(self) -> None:
        asking = self._asking
        if asking is None or not asking.done():
            return
        self._asking = None
        error = asking.exception()
        if error is not None:
            self.trouble = f"no figures: {_words(error)}"
            self._not_before = self._tools.clock.monotonic() + ASK_AGAIN_SECONDS
            return
        found, self.trouble = asking.result()
        if not found:
            self._not_before = self._tools.clock.monotonic() + ASK_AGAIN_SECONDS
        for window, values in found:
            if window.start >= self._since:
                self._came.append((window, values))
                self._since = window.end

    # judging

    def _take(self, window: Window, values: Mapping[str, float | None], overruled: datetime | None) -> Observed:
        laid = self._course.lay_on(window)
        resumed = overruled is not None and self._until is not None and self._until <= overruled < window.end
        observed = Observed(window=laid, values=values, warm=laid.weight == 0, resumed=resumed)
        try:
            self._kept.add_window(observed)
        except OSError as error:
            self._full = _full(error)
        self._judge(observed, keep=True)
        if self._windows % DUMP_EVERY == 0:
            self._dump()
        return observed

    def _judge(self, observed: Observed, *, keep: bool) -> None:
        self._windows += 1
        self._until = observed.window.end
        try:
            judgement = self._ask_judge(observed)
        except SeatrialError as error:
            self._unjudged = f"the window of {observed.window.start:%H:%M:%S} UTC can't be judged: {error.what}"
            return
        self._unjudged = ""
        if judgement is None:
            return
        self._judged += 1
        self.judgement = judgement
        if keep:
            try:
                self._kept.add_judgement(judgement)
            except OSError as error:
                self._full = _full(error)

    def _ask_judge(self, observed: Observed) -> Judgement | None:
        """What the judge says; None of a window that it only learns from."""
        if observed.resumed:
            self._tools.judge.resume(self._state)
        if observed.warm:
            self._tools.judge.warm(self._state, observed.window)
            return None
        return self._tools.judge.update(self._state, observed.window, observed.values)

    def _dump(self) -> None:
        if not self.writable:
            return
        state = self._tools.judge.dump(self._state)
        try:
            self._kept.dump(Dumped(state=state, lines=self._windows, judged=self._judged))
        except OSError as error:
            self._full = _full(error)

    def _retry(self) -> None:
        if self.writable:
            return
        try:
            self._kept.retry()
        except OSError as error:
            self._full = _full(error)
        else:
            self._full = ""


class Requests:
    """How many requests each arm had lately, as far as the spans of thresholds reach."""

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        self._longest = timedelta(seconds=max((each.seconds for each in thresholds), default=0.0))
        self._seen: deque[Window] = deque()

    def add(self, window: Window) -> None:
        """Take in the next window."""
        if self._longest:
            self._seen.append(window)
            while self._seen[0].end <= window.end - self._longest:
                self._seen.popleft()

    def of(self, threshold: Threshold) -> int:
        """Those of its arm in its span, which ends with the last window."""
        begin = self._seen[-1].end - timedelta(seconds=threshold.seconds)
        windows = [window for window in self._seen if window.end > begin]
        return sum((one.canary if threshold.arm is Arm.CANARY else one.stable).requests for one in windows)


def watched_of(release: Release, *, static: bool) -> Watched:
    """Whose requests a release looks at. The arms of a service that something else runs are called by their side."""
    return Watched(
        service=release.service,
        stable=Arm.STABLE.value if static else str(release.baseline),
        canary=Arm.CANARY.value if static else str(release.number),
        release=release.id,
        begun=release.begun or release.started,
        seconds=release.spec.window,
        quality=tuple(each.name for each in release.spec.policy.quality),
    )


def _first(release: Release) -> datetime:
    """Where the first window begins: as much before the release as the judge wants to know of stable's past."""
    begun = release.begun or release.started
    seconds = release.spec.window
    first = begun.timestamp() - release.spec.policy.history
    return datetime.fromtimestamp(first // seconds * seconds, tz=begun.tzinfo)


def _full(error: OSError) -> str:
    return f"what was seen can't be written down: {error.strerror}; nothing goes forward until it can"


def _words(error: BaseException) -> str:
    return error.what if isinstance(error, SeatrialError) else f"{type(error).__name__}: {error}"
