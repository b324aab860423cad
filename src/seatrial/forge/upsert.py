"""One comment per project and pull request, whoever writes it and however many do so at once.

A forge's comment is a register that can be read and overwritten, and nothing more: no writer can make a change depend on
what was there. With one such register no rule keeps two writers apart by itself (Burns and Lynch, "Bounds on shared memory
for mutual exclusion", 1993, theorem 1); a bound on the time between a writer's reading and its writing does (Fischer's
algorithm, in Lamport, "A fast mutual exclusion algorithm", 1987). So each writer looks again after it has written, until
there is nothing left that it would change: the run of the newest commit holds the comment, any other adds itself to the
fold of earlier commits. The last look of a run that has ended comes `SETTLE` seconds after its writing, which is longer
than any writer takes from its reading to its writing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from seatrial.forge.comment import with_history
from seatrial.forge.marker import Entry, State, is_ours, merged, most_telling, read_state
from seatrial.ports import Clock, Forge
from seatrial.records import ForgeLimits, PermanentError, PostedComment, PublishTarget, UsageError

ROUNDS = 8
SETTLE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """What one run has to say in the comment.

    Attributes:
        entry: the run as the comment remembers it.
        project: whose comment it is.
        current: the comment's text where the run's commit is the newest.
        superseded: likewise where it isn't and nothing is known of the newest, whose id it is given.
    """

    entry: Entry
    project: str
    current: Callable[[State], str]
    superseded: Callable[[State, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What has to be done to the comments now.

    Attributes:
        edit: the comment to write to; None to make one.
        body: its new text; None where it is right already.
        remove: our comments that are too many.
    """

    edit: PostedComment | None = None
    body: str | None = None
    remove: tuple[PostedComment, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether all is as it should be."""
        return self.body is None and not self.remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """What became of it.

    Attributes:
        comment: ours; None where there is none and nothing to say.
        newer: the commit that is under trial or was pushed since; empty where the run's own is the newest.
    """

    comment: PostedComment | None
    newer: str = ""


def upsert(forge: Forge, target: PublishTarget, mine: Mine, clock: Clock, *, final: bool) -> Upserted:
    """Bring the comment to say what it should; it ends once a look finds nothing to change, or after `ROUNDS`.

    Args:
        forge: where.
        target: a pull request's, with its number.
        mine: what this run has to say.
        clock: for the pause before the last look.
        final: whether the run has ended; it then waits until nobody can overwrite it any more.

    Raises:
        SeatrialError: as the port does.
    """
    writer = _Writer(forge, target)
    posted: PostedComment | None = None
    newer = ""
    for _ in range(ROUNDS):
        head = forge.pull(target.repository, writer.number).head
        newer = head if head != target.commit else ""
        ours = writer.ours(mine.project)
        posted = ours[0] if ours else posted
        step = decide(ours, mine, head, forge.limits)
        if step.is_nothing:
            break
        posted = writer.do(step) or posted
        if final and step.body is not None:
            clock.sleep(SETTLE)
    return Upserted(comment=posted, newer=newer)


def decide(ours: Sequence[PostedComment], mine: Mine, head: str, limits: ForgeLimits) -> Step:
    """What has to be done, by what was just read.

    Args:
        ours: the project's comments, the oldest first.
        mine: what this run has to say.
        head: the pull request's newest commit.
        limits: of the forge.
    """
    states = [read_state(each.body) for each in ours]
    entry = _known(mine.entry, states)
    others = [each for state in states for each in (state.current, *state.earlier) if each is not None]
    leading = _leading(states, head)
    there = states[leading].current if ours else None
    if entry.commit == head:
        if there is not None and _is_a_later_run(there, entry):
            body = ours[leading].body
        else:
            body = mine.current(State(current=entry, earlier=merged(others, without=entry.commit)))
    elif there is not None and there.commit != entry.commit:
        state = State(current=there, earlier=merged([*others, entry], without=there.commit))
        body = _kept(ours[leading].body, state) or with_history(ours[leading].body, state, mine.project, limits)
    elif ours or entry.outcome.weight > 1:
        state = State(current=most_telling([*others, entry], entry.commit), earlier=merged([*others, entry]))
        body = (_kept(ours[leading].body, state) if ours else "") or mine.superseded(state, head)
    else:
        return Step()
    return Step(
        edit=ours[0] if ours else None,
        body=None if ours and _same(ours[0].body, body) else body,
        remove=tuple(ours[1:]),
    )


def _leading(states: Sequence[State], head: str) -> int:
    """The comment that tells of the newest commit; the oldest where none does."""
    about = [index for index, state in enumerate(states) if state.current and state.current.commit == head]
    return max(about, key=lambda index: _rank(states[index].current), default=0)


def _rank(entry: Entry | None) -> tuple[int, str]:
    return (entry.outcome.weight, entry.at.isoformat()) if entry else (0, "")


def _known(entry: Entry, states: Sequence[State]) -> Entry:
    """This run's entry, with the time at which it was first heard of."""
    seen = [each for state in states for each in (state.current, *state.earlier) if each and each.run == entry.run]
    return replace(entry, at=min([entry.at, *(each.at for each in seen if each.commit == entry.commit)]))


def _is_a_later_run(there: Entry, entry: Entry) -> bool:
    """Whether a comment tells of a run of the same commit that began after this one."""
    same = there.commit == entry.commit and there.run != entry.run
    return same and (there.at, there.run) > (entry.at, entry.run)


def _kept(body: str, state: State) -> str:
    """The text as it is, where it remembers just that; empty otherwise."""
    return body if read_state(body) == state else ""


def _same(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but what forges do to line ends."""
    return one.replace("\r\n", "\n").rstrip() == other.replace("\r\n", "\n").rstrip()


class _Writer:
    """One run's hands on the comments of a pull request; it lets go of those that it may not write to."""

    def __init__(self, forge: Forge, target: PublishTarget) -> None:
        if target.number is None:
            raise UsageError("a push has no comments", where=target.repository)
        self.number = target.number
        self._forge = forge
        self._repository = target.repository
        self._foreign: set[str] = set()
        self._made: set[str] = set()

    def ours(self, project: str) -> list[PostedComment]:
        """The project's comments, the oldest first."""
        found = self._forge.comments(self._repository, self.number)
        return [each for each in found if each.id not in self._foreign and is_ours(self._known(each), project)]

    def _known(self, comment: PostedComment) -> PostedComment:
        """What this run made is its own, whatever the forge makes of the token's account."""
        return replace(comment, own=True) if comment.id in self._made else comment

    def do(self, step: Step) -> PostedComment | None:
        """Write, then remove what is too many; the comment that was written, None where it was gone or not ours."""
        posted = step.edit if step.body is None else self._write(step.edit, step.body)
        if posted is not None:
            for each in step.remove:
                self._remove(each)
        return posted

    def _write(self, edit: PostedComment | None, body: str) -> PostedComment | None:
        if edit is None:
            made = self._forge.create_comment(self._repository, self.number, body)
            self._made.add(made.id)
            return made
        try:
            return self._forge.edit_comment(self._repository, self.number, edit.id, body)
        except PermanentError:
            self._foreign.add(edit.id)
            return None

    def _remove(self, comment: PostedComment) -> None:
        try:
            self._forge.delete_comment(self._repository, self.number, comment.id)
        except PermanentError:
            self._foreign.add(comment.id)
