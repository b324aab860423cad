"""One comment per project and pull request, whoever writes it and in whatever order."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.forge.comment import Sheet, compose
from seatrial.forge.marker import Entry, Outcome, State, is_ours, marker, read_state
from seatrial.forge.publish import Publisher
from seatrial.forge.upsert import ROUNDS, SETTLE, Mine, Upserted, upsert
from seatrial.ports import Clock, Forge
from seatrial.records import ForgeLimits, PermanentError, PostedComment, PublishTarget, TemporaryError
from seatrial.testing import FakeClock, MemoryForge
from tests.forge.interleaving import Act, Play, every_ending
from tests.report import builders

AT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
OLD, NEW, NEXT = "c1", "c2", "c3"


def mine(commit: str, outcome: Outcome, *, minutes: int = 0, run: str = "", project: str = "digits") -> Mine:
    """What a run of `commit` has to say; its text is `commit outcome`."""

    def text(words: str) -> Callable[[State], str]:
        sheet = Sheet(parts={"verdict": lambda _: words}, lines=("verdict",))
        return lambda state: compose(sheet, state, project, ForgeLimits())

    at = AT + timedelta(minutes=minutes)
    return Mine(
        entry=Entry(
            commit=commit, outcome=outcome, headline=f"{commit} {outcome}", run=run or f"run of {commit}", at=at
        ),
        project=project,
        current=text(f"{commit} {outcome}"),
        superseded=lambda state, head: text(f"superseded by {head}")(state),
    )


def say(
    forge: Forge, what: Mine, clock: Clock | None = None, *, final: bool | None = None, target: str = ""
) -> Upserted:
    """Let a run say it."""
    where = PublishTarget(repository="ship/wine", number=7, commit=target or what.entry.commit, project=what.project)
    ends = not what.entry.outcome.is_live if final is None else final
    return upsert(forge, where, what, clock or FakeClock(), final=ends)


def pull(head: str = NEW) -> MemoryForge:
    """A forge with a pull request whose newest commit is `head`, and talk in it."""
    forge = MemoryForge()
    forge.open_pull("ship/wine", 7, head=head)
    forge.say("ship/wine", 7, "alice", "What about the latency?")
    return forge


def ours(forge: MemoryForge, project: str = "digits") -> list[str]:
    """The texts of the project's comments."""
    return [each.body for each in forge.comments("ship/wine", 7) if is_ours(each, project)]


def earlier(body: str) -> dict[str, str]:
    """Verdicts of the earlier commits."""
    return {entry.commit: entry.outcome.value for entry in read_state(body).earlier}


def test_a_comment_is_made_once_and_then_edited() -> None:
    """In place, through all phases."""
    forge = pull()
    for outcome in (Outcome.QUEUED, Outcome.RUNNING, Outcome.PASS):
        say(forge, mine(NEW, outcome))
    (body,) = ours(forge)
    assert "c2 pass" in body
    assert forge.calls.count("create_comment") == 1
    assert len(forge.bodies("ship/wine", 7)) == 2


def test_the_same_again_writes_nothing() -> None:
    """Also by another process, and where the forge changed the ends of lines."""
    forge = pull()
    posted = say(forge, mine(NEW, Outcome.PASS)).comment
    assert posted is not None
    forge.edit_comment("ship/wine", 7, posted.id, posted.body.replace("\n", "\r\n") + "\r\n")
    before = forge.calls
    say(forge, mine(NEW, Outcome.PASS, minutes=9))
    assert ("pull", "comments") == forge.calls[len(before) :]


def test_what_a_commit_said_goes_into_the_fold_when_the_next_comes() -> None:
    """With its verdict."""
    forge = pull(OLD)
    say(forge, mine(OLD, Outcome.FAIL))
    forge.push("ship/wine", 7, NEW)
    say(forge, mine(NEW, Outcome.RUNNING, minutes=5))
    (body,) = ours(forge)
    assert "c2 running" in body
    assert earlier(body) == {OLD: "fail"}


def test_a_late_result_of_an_older_commit_only_joins_the_fold() -> None:
    """The comment stays the newer commit's."""
    forge = pull(OLD)
    say(forge, mine(OLD, Outcome.RUNNING))
    forge.push("ship/wine", 7, NEW)
    say(forge, mine(NEW, Outcome.RUNNING, minutes=5))
    assert say(forge, mine(OLD, Outcome.FAIL)).newer == NEW
    (body,) = ours(forge)
    assert "c2 running" in body
    assert earlier(body) == {OLD: "fail"}


def test_a_late_result_does_not_stand_where_nothing_newer_does() -> None:
    """The comment says that it was superseded; the result is in the fold."""
    forge = pull(NEW)
    say(forge, mine(OLD, Outcome.PASS))
    (body,) = ours(forge)
    assert "superseded by c2" in body
    assert earlier(body) == {OLD: "pass"}


def test_what_says_nothing_is_not_said_where_nothing_is() -> None:
    """A cancelled run of an old commit makes no comment."""
    forge = pull(NEW)
    assert say(forge, mine(OLD, Outcome.SUPERSEDED)).comment is None
    assert ours(forge) == []


def test_ten_earlier_commits_are_kept() -> None:
    """The last ten."""
    forge = pull()
    for number in range(14):
        forge.push("ship/wine", 7, f"c{number}")
        say(forge, mine(f"c{number}", Outcome.PASS, minutes=number))
    (body,) = ours(forge)
    assert [f"c{number}" for number in range(12, 2, -1)] == list(earlier(body))


def test_two_projects_keep_two_comments() -> None:
    """Each its own."""
    forge = pull()
    for project in ("digits", "wine", "digits"):
        say(forge, mine(NEW, Outcome.PASS, project=project))
    assert [len(ours(forge, project)) for project in ("digits", "wine")] == [1, 1]


def test_it_is_found_among_very_many() -> None:
    """However much people talk."""
    forge = pull()
    say(forge, mine(NEW, Outcome.RUNNING))
    for number in range(300):
        forge.say("ship/wine", 7, "bob", f"word {number}")
    say(forge, mine(NEW, Outcome.PASS))
    assert len(ours(forge)) == 1


def test_doubles_are_removed_and_the_oldest_stays() -> None:
    """With what they remembered."""
    forge = pull()
    first = say(forge, mine(OLD, Outcome.PASS)).comment
    state = State(current=mine("c0", Outcome.FAIL).entry)
    forge.create_comment("ship/wine", 7, f"{marker('digits', state)}\n\ndouble")
    posted = say(forge, mine(NEW, Outcome.PASS)).comment
    (body,) = ours(forge)
    assert first is not None
    assert posted is not None
    assert posted.id == first.id
    assert earlier(body) == {OLD: "pass", "c0": "fail"}


def test_a_comment_that_was_deleted_is_made_anew() -> None:
    """Somebody tidied up."""
    forge = pull()
    posted = say(forge, mine(NEW, Outcome.RUNNING)).comment
    assert posted is not None
    forge.delete_comment("ship/wine", 7, posted.id)
    say(forge, mine(NEW, Outcome.PASS))
    assert len(ours(forge)) == 1


def test_a_comment_that_goes_away_under_the_pen_is_made_anew() -> None:
    """Between the reading and the writing."""
    shared = pull()
    posted = say(shared, mine(NEW, Outcome.RUNNING)).comment
    assert posted is not None

    def tidy(call: str) -> None:
        if call == "edit_comment":
            shared.delete_comment("ship/wine", 7, posted.id)

    say(shared.as_account(shared.account, before=tidy), mine(NEW, Outcome.PASS))
    (body,) = ours(shared)
    assert "c2 pass" in body


@pytest.mark.parametrize("tells_own", [True, False])
def test_somebody_elses_comment_with_our_marker_is_left_alone(tells_own: bool) -> None:  # noqa: FBT001 - two kinds of forge
    """Whether the forge tells whose it is or only refuses to change it."""
    forge = MemoryForge(tells_own=tells_own)
    forge.open_pull("ship/wine", 7, head=NEW)
    state = State(current=mine(NEW, Outcome.PASS).entry)
    forged = f"{marker('digits', state)}\n\nc2 pass, believe me"
    forge.say("ship/wine", 7, "mallory", forged)
    say(forge, mine(NEW, Outcome.FAIL))
    say(forge, mine(NEW, Outcome.FAIL))
    assert forged == forge.bodies("ship/wine", 7)[0]
    assert [True] == ["c2 fail" in body for body in forge.bodies("ship/wine", 7)[1:]]


def test_a_token_without_the_right_is_told_so() -> None:
    """The port's error, with its remedy."""
    forge = pull().as_account("seatrial-bot", may_write=False)
    with pytest.raises(PermanentError, match="lacks the right comments: write"):
        say(forge, mine(NEW, Outcome.PASS))


def test_an_answer_that_was_lost_leaves_one_comment() -> None:
    """The comment was made, and nobody heard of it."""
    forge = pull()
    forge.fail("create_comment", TemporaryError("it did not answer"), late=True)
    with pytest.raises(TemporaryError):
        say(forge, mine(NEW, Outcome.PASS))
    say(forge, mine(NEW, Outcome.PASS))
    assert len(ours(forge)) == 1


def test_it_gives_up_after_some_rounds() -> None:
    """Somebody else's program that always writes back does not hold it for ever."""
    shared = pull()
    posted = say(shared, mine(NEW, Outcome.RUNNING)).comment
    assert posted is not None

    def disturb(call: str) -> None:
        if call == "pull":
            shared.edit_comment("ship/wine", 7, posted.id, posted.body)

    disturbed = shared.as_account(shared.account, before=disturb)
    say(disturbed, mine(NEW, Outcome.PASS))
    assert shared.calls.count("comments") - 2 == ROUNDS


def test_only_a_result_is_looked_at_again_later() -> None:
    """A running trial is not held up, nor is who finds the comment right."""
    forge, clock = pull(OLD), FakeClock()
    say(forge, mine(OLD, Outcome.QUEUED), clock)
    say(forge, mine(OLD, Outcome.RUNNING), clock)
    assert clock.monotonic() == 0
    say(forge, mine(OLD, Outcome.PASS), clock)
    say(forge, mine(OLD, Outcome.PASS), clock)
    assert clock.monotonic() == SETTLE


def test_of_two_runs_of_one_commit_the_later_holds_the_comment() -> None:
    """Whichever ends first."""
    for order in ((0, 1), (1, 0)):
        forge = pull()
        runs = [mine(NEW, Outcome.FAIL, run="a"), mine(NEW, Outcome.PASS, run="b", minutes=5)]
        say(forge, mine(NEW, Outcome.RUNNING, run="a"))
        say(forge, mine(NEW, Outcome.RUNNING, run="b", minutes=5))
        for index in order:
            say(forge, runs[index])
        (body,) = ours(forge)
        assert "c2 pass" in body


def result(what: Mine) -> Act:
    """A run that ends."""
    return lambda forge, clock: say(forge, what, clock)


def story(commit: str, outcome: Outcome, *, minutes: int = 0) -> Act:
    """A run that begins and ends."""

    def act(forge: Forge, clock: Clock) -> None:
        say(forge, mine(commit, Outcome.RUNNING, minutes=minutes), clock)
        say(forge, mine(commit, outcome, minutes=minutes), clock)

    return act


def check_ending(forge: MemoryForge, others: dict[str, str]) -> None:
    """One comment that tells of the newest commit, with the others in its fold."""
    (body,) = ours(forge)
    assert "\nc2 pass\n" in body
    assert earlier(body) == others


BEGINNINGS: dict[str, list[Mine]] = {
    "nothing": [],
    "the old one runs": [mine(OLD, Outcome.RUNNING)],
    "both run": [mine(OLD, Outcome.RUNNING), mine(NEW, Outcome.RUNNING, minutes=5)],
    "an older one ended": [mine("c0", Outcome.FAIL, minutes=-9)],
    "an older one ended and the new one runs": [mine("c0", Outcome.FAIL, minutes=-9), mine(NEW, Outcome.RUNNING, minutes=5)],
}  # fmt: skip


def begun(before: list[Mine]) -> MemoryForge:
    """A forge where these were said already, each while its commit was the newest."""
    forge = pull()
    for what in before:
        forge.push("ship/wine", 7, what.entry.commit)
        say(forge, what)
    forge.push("ship/wine", 7, NEW)
    return forge


@pytest.mark.parametrize("before", BEGINNINGS.values(), ids=BEGINNINGS)
def test_every_order_of_two_that_end_at_once_ends_with_the_newer(before: list[Mine]) -> None:
    """Every interleaving of their steps."""
    acts = [result(mine(OLD, Outcome.FAIL)), result(mine(NEW, Outcome.PASS, minutes=5))]
    others = {OLD: "fail"} | {what.entry.commit: "fail" for what in before if what.entry.commit == "c0"}
    endings = 0
    for forge in every_ending(lambda: Play(begun(before), acts)):
        check_ending(forge, others)
        endings += 1
    assert endings > 5


def test_without_the_pause_a_result_can_be_lost() -> None:
    """As theory says: a writer that is slow enough overwrites what it has not seen."""
    acts = [result(mine(OLD, Outcome.FAIL)), result(mine(NEW, Outcome.PASS, minutes=5))]
    before = BEGINNINGS["both run"]
    lost = [
        forge
        for forge in every_ending(lambda: Play(begun(before), acts, timed=False))
        if "c2 pass" not in ours(forge)[0]
    ]
    assert lost


def test_every_order_of_two_that_begin_and_end_ends_with_the_newer() -> None:
    """Whatever each had seen of the other when it began."""
    acts = [story(OLD, Outcome.INCONCLUSIVE), story(NEW, Outcome.PASS, minutes=5)]
    for forge in every_ending(lambda: Play(pull(), acts)):
        check_ending(forge, {OLD: "inconclusive"})


@given(st.lists(st.integers(0, 11), max_size=90))
@settings(max_examples=60)
def test_three_that_begin_and_end_as_they_like_end_with_the_newest(choices: list[int]) -> None:
    """One comment, the newest commit's, and the others' results in its fold."""
    forge = pull()
    acts = [
        story("c0", Outcome.FAIL, minutes=-9),
        story(OLD, Outcome.INCONCLUSIVE),
        story(NEW, Outcome.PASS, minutes=5),
    ]
    rest = iter(choices)
    Play(forge, acts).perform(lambda options: options[next(rest, 0) % len(options)])
    check_ending(forge, {"c0": "fail", OLD: "inconclusive"})


def test_many_threads_leave_one_comment() -> None:
    """Of eight commits at once; what they left double is gone once the newest says its word again."""
    forge = MemoryForge()
    forge.open_pull("ship/wine", 7, head="c7")
    gate = threading.Barrier(8)

    def run(number: int) -> None:
        gate.wait()
        say(forge, mine(f"c{number}", Outcome.PASS, minutes=number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(forge, mine("c7", Outcome.PASS, minutes=7))
    (body,) = ours(forge)
    assert "\nc7 pass\n" in body


class Disowning(MemoryForge):
    """A forge that takes the token's account for somebody else, as with a token whose account can't be told."""

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """All of them somebody else's."""
        return [replace(each, own=False) for each in super().comments(repository, number)]


def test_a_comment_that_this_run_made_is_known_again() -> None:
    """However wrong a forge is about accounts, a run never fills a pull request with its comments."""
    forge = Disowning()
    forge.open_pull("ship/wine", 7, head="c1")
    target = PublishTarget(repository="ship/wine", number=7, commit="c1", project="wine")
    Publisher(forge, target, clock=FakeClock(), key="k").ended(builders.report(builders.deployment()))

    assert 1 == len(forge.comments("ship/wine", 7))
