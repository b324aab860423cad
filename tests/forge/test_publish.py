"""A trial is published where people decide, and whatever a forge does, the trial goes on and its verdict stands."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from seatrial.forge.marker import is_ours, read_state
from seatrial.forge.publish import COMMENT_EVERY, EVERY, Publisher
from seatrial.records import (
    CheckPhase,
    Conclusion,
    ForgeLimits,
    PermanentError,
    Published,
    PublishTarget,
    SeatrialError,
    Stage,
    TemporaryError,
)
from seatrial.testing import FakeClock, MemoryForge
from seatrial.trial.progress import Progress
from tests.report import builders
from tests.waiting import wait_until

TARGET = PublishTarget(repository="ship/wine", number=7, commit="c1", project="digits", run_url="https://ci.example/7")
RIGHT = PermanentError("the token lacks the right comments: write", remedy="add `pull-requests: write` to the workflow")
GONE = TemporaryError("the forge does not answer", where="https://forge.example")
REPORT = builders.report(builders.deployment(points=2))


def pull(head: str = "c1", limits: ForgeLimits | None = None) -> MemoryForge:
    """A forge with a pull request whose newest commit is `head`."""
    forge = MemoryForge(limits=limits)
    forge.open_pull("ship/wine", 7, head=head)
    return forge


def publisher(
    forge: MemoryForge, clock: FakeClock | None = None, target: PublishTarget = TARGET, key: str = ""
) -> Publisher:
    """Publishes a run of the target's commit."""
    return Publisher(forge, target, clock=clock or FakeClock(), key=key or f"run of {target.commit}")


def of(commit: str) -> PublishTarget:
    """The target of another commit."""
    return replace(TARGET, commit=commit)


def comment(forge: MemoryForge) -> str:
    """The one comment of the project."""
    (body,) = [each.body for each in forge.comments("ship/wine", 7) if is_ours(each, "digits")]
    return body


def test_a_trial_is_told_from_queue_to_verdict() -> None:
    """One comment and one check, and where the comment is."""
    forge = pull()
    run = publisher(forge)
    run.queued()
    assert "Queued: digits" in comment(forge)
    run.running()
    assert "Running: digits" in comment(forge)
    published = run.ended(REPORT)
    assert "✅ Pass: digits" in comment(forge)
    assert published == Published(comment="https://forge.example/ship/wine/pulls/7#comment-1")
    assert [CheckPhase.QUEUED, CheckPhase.RUNNING, CheckPhase.DONE] == [check.phase for check in forge.set_checks]
    assert [Conclusion.SUCCESS] == [check.conclusion for check in forge.checks("ship/wine", "c1").values()]


def test_a_push_gets_a_check_only() -> None:
    """It has no pull request to comment in."""
    forge = MemoryForge()
    run = publisher(forge, target=replace(TARGET, number=None))
    run.queued()
    run.running()
    assert run.ended(REPORT) == Published()
    assert set(forge.calls) == {"set_check"}


@pytest.mark.parametrize(
    ("end", "title", "sign"),
    [
        (
            lambda run: run.broken(PermanentError("git is missing", remedy="install it")),
            "Broken: git is missing",
            "⚠️ Broken",
        ),
        (lambda run: run.cancelled("it was closed"), "Cancelled: it was closed", "⏹️ Cancelled"),
        (lambda run: run.cancelled("a push", superseded_by="c2"), "Superseded by c2", "⏭️ Superseded"),
    ],
    ids=["broken", "cancelled", "superseded"],
)
def test_a_trial_without_a_verdict_says_so(end: Callable[[Publisher], Published], title: str, sign: str) -> None:
    """And is not green."""
    forge = pull()
    run = publisher(forge)
    run.running()
    end(run)
    assert sign in comment(forge)
    (check,) = forge.checks("ship/wine", "c1").values()
    assert (check.title, check.phase) == (title, CheckPhase.DONE)
    assert check.conclusion in {Conclusion.ACTION_REQUIRED, Conclusion.CANCELLED}


def test_the_same_again_by_another_process_leaves_one_comment() -> None:
    """At every point: a worker was killed and another goes on."""
    forge, clock = pull(), FakeClock()
    steps: list[Callable[[Publisher], object]] = [
        lambda run: run.queued(),
        lambda run: run.running(),
        lambda run: run.ended(REPORT),
    ]
    for step in steps:
        for _ in range(2):
            step(publisher(forge, clock))
            clock.sleep(60)
    assert forge.calls.count("create_comment") == 1
    assert forge.calls.count("edit_comment") == 2
    assert "✅ Pass" in comment(forge)


def test_a_superseded_commits_result_only_joins_the_fold() -> None:
    """Its check says by which commit, and keeps its verdict."""
    forge = pull()
    old = publisher(forge)
    old.running()
    forge.push("ship/wine", 7, "c2")
    new = publisher(forge, FakeClock(), of("c2"))
    new.running()
    old.ended(REPORT)
    assert "Running: digits" in comment(forge)
    assert {"c1": "pass"} == {entry.commit: entry.outcome for entry in read_state(comment(forge)).earlier}
    (check,) = forge.checks("ship/wine", "c1").values()
    assert check.title.startswith("Superseded by c2. Pass: ")
    assert check.conclusion is Conclusion.SUCCESS
    new.ended(builders.six())
    assert "❌ Fail: digits" in comment(forge)
    assert "`c1` | [✅ pass]" in comment(forge)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["pull", "comments", "create_comment", "edit_comment", "set_check"])
def test_a_temporary_failure_of_a_result_is_tried_again(call: str, *, late: bool) -> None:
    """Whether the forge had done it by then or not."""
    forge, clock = pull(), FakeClock()
    run = publisher(forge, clock)
    if call != "create_comment":
        run.running()
    forge.fail(call, GONE, late=late)
    assert run.ended(REPORT).problems == ()
    assert "✅ Pass" in comment(forge)
    assert clock.monotonic() >= 2


def test_a_failure_that_lasts_is_told_once_it_has_been_tried() -> None:
    """With where; the other half is published all the same."""
    forge = pull()
    forge.fail("comments", GONE, times=None)
    published = publisher(forge).ended(REPORT)
    assert published.problems == ("The comment was not written: the forge does not answer (https://forge.example)",)
    assert forge.calls.count("comments") == 3
    assert [Conclusion.SUCCESS] == [check.conclusion for check in forge.checks("ship/wine", "c1").values()]


@pytest.mark.parametrize("halves", [("create_comment", "set_check"), ("set_check", "create_comment")])
def test_a_missing_right_takes_one_half_only(halves: tuple[str, str]) -> None:
    """And what grants it is told."""
    forbidden, allowed = halves
    forge = pull()
    forge.fail(forbidden, RIGHT, times=None)
    run = publisher(forge)
    run.queued()
    run.running()
    published = run.ended(REPORT)
    (problem,) = published.problems
    assert "lacks the right comments: write; add `pull-requests: write` to the workflow" in problem
    assert forge.calls.count(allowed) >= 1
    assert forge.calls.count(forbidden) == 2, "once while it ran, once for the result"


def test_a_problem_that_is_over_is_none() -> None:
    """What could not be said while the trial ran is not missed when the result is there."""
    forge = pull()
    forge.fail("comments", GONE)
    run = publisher(forge)
    run.running()
    assert len(run.problems) == 1
    assert run.ended(REPORT).problems == ()


@pytest.mark.parametrize("error", [GONE, RIGHT], ids=["temporary", "for good"])
def test_nothing_a_forge_does_is_raised(error: SeatrialError) -> None:
    """Whatever fails, and however long."""
    forge = pull()
    for call in ("pull", "comments", "create_comment", "edit_comment", "delete_comment", "set_check"):
        forge.fail(call, error, times=None)
    run = publisher(forge)
    run.queued()
    run.running()
    run.watch(Progress(cell="a@candidate", stage=Stage.BUILD))
    wait_until(lambda: forge.calls.count("set_check") > 0)
    for published in (run.ended(REPORT), run.broken(RIGHT), run.cancelled("x", superseded_by="c2")):
        assert len(published.problems) == 2


def driving(done: int) -> Progress:
    """A step of a trial that is driven."""
    return Progress(cell="a@candidate", stage=Stage.DRIVE, done=done, total=500)


def test_progress_is_shown_at_most_every_five_seconds() -> None:
    """The latest of what was heard; a thousand steps are no more than one."""
    forge, clock = pull(), FakeClock()
    run = publisher(forge, clock)
    run.watch(driving(0))
    wait_until(lambda: len(forge.set_checks) == 1)
    for done in range(1, 400):
        run.watch(driving(done))
    clock.sleep(EVERY)
    run.watch(driving(400))
    wait_until(lambda: len(forge.set_checks) == 2)
    assert "| `a` | being driven | 400 of 500 (80%) |" in forge.set_checks[-1].summary
    run.watch(driving(500))
    run.ended(REPORT)
    assert [CheckPhase.RUNNING, CheckPhase.RUNNING, CheckPhase.DONE] == [check.phase for check in forge.set_checks]


def test_the_comment_follows_more_slowly() -> None:
    """When a deployment has come further, a minute after it was written."""
    forge, clock = pull(), FakeClock()
    run = publisher(forge, clock)
    run.running()
    run.watch(driving(1))
    wait_until(lambda: len(forge.set_checks) == 2)
    assert "being driven" not in comment(forge)
    clock.sleep(COMMENT_EVERY)
    run.watch(driving(2))
    wait_until(lambda: "| `a` | being driven | 2 of 500 (0%) |" in comment(forge))
    clock.sleep(COMMENT_EVERY)
    run.watch(driving(3))
    run.close()
    assert forge.calls.count("edit_comment") == 1


def test_a_slow_forge_does_not_hold_up_the_trial() -> None:
    """Steps are heard while a call is under way, and the result waits for that call."""
    answered, asked = threading.Event(), threading.Event()

    def slow(call: str) -> None:
        if call == "set_check" and not asked.is_set():
            asked.set()
            answered.wait()

    shared, clock = pull(), FakeClock()
    run = publisher(shared.as_account(shared.account, before=slow), clock)
    run.watch(driving(0))
    asked.wait()
    for done in range(100):
        clock.sleep(EVERY)
        run.watch(driving(done))
    ending = threading.Thread(target=run.ended, args=(REPORT,))
    ending.start()
    assert shared.set_checks[-1:] == ()
    answered.set()
    ending.join()
    assert shared.set_checks[-1].phase is CheckPhase.DONE


def test_nothing_is_shown_after_the_result() -> None:
    """A step that comes late changes nothing."""
    forge, clock = pull(), FakeClock()
    run = publisher(forge, clock)
    run.watch(driving(0))
    run.ended(REPORT)
    before = forge.calls
    clock.sleep(EVERY)
    run.watch(driving(500))
    assert before == forge.calls


def test_every_body_and_check_is_taken_by_a_small_forge() -> None:
    """The fake refuses what is too long."""
    forge = pull(limits=ForgeLimits(comment=1500, summary=0, annotations=0, mermaid=False, details=False))
    for number in range(12):
        forge.push("ship/wine", 7, f"c{number}")
        run = publisher(forge, FakeClock(start=REPORT.started + timedelta(hours=number)), of(f"c{number}"))
        run.queued()
        run.running()
        assert run.ended(builders.six()).problems == ()
    assert "❌ Fail: digits" in comment(forge)


def test_many_commits_at_once_leave_one_comment() -> None:
    """Eight runs in eight threads; the newest commit's holds the comment once it has had the last word."""
    forge = pull("c7")
    gate = threading.Barrier(8)

    def run(number: int) -> None:
        begun = publisher(forge, FakeClock(start=REPORT.started + timedelta(minutes=number)), of(f"c{number}"))
        gate.wait()
        begun.running()
        begun.ended(REPORT)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publisher(forge, target=of("c7")).ended(REPORT)
    assert "Commit `c7`" in comment(forge)
    assert len(forge.set_checks) == 17
