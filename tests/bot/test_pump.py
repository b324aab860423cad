"""The pump: every delivery is dealt with once, in order, whatever the forge, the queue or the machine do meanwhile."""

import shutil
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from seatrial.bot.pump import PATIENCE
from seatrial.bot.why import CLOSED, newer
from seatrial.records import (
    CheckPhase,
    HookKind,
    PermanentError,
    PullState,
    TemporaryError,
    TrialState,
)
from tests.bot.booking import REPOSITORY, trial
from tests.bot.pumping import B, C, world
from tests.registry.killing import killed_at_each_moment
from tests.report.builders import report
from tests.waiting import wait_until

DOWN = TemporaryError("the forge does not answer")


def test_a_push_becomes_a_trial(sql_url: str, tmp_path: Path) -> None:
    """In the book, in the queue, and as a check that waits; the delivery is done."""
    with world(tmp_path, sql_url) as w:
        given = w.take(kind=HookKind.OPENED, author="bob")
        (started,) = w.turn()

        expected = trial(started.id, commit=B, queued=w.clock.now())
        assert expected == started
        assert {started.id: ""} == w.queue.noted("run")
        (check,) = w.forge.checks(REPOSITORY, B).values()
        assert ("seatrial", CheckPhase.QUEUED, f"https://bot.example/trials/{started.id}") == (
            check.name,
            check.phase,
            check.url,
        )
        assert ["a trial starts"] == w.notes(given)
        assert [] == w.book.waiting()


def test_each_project_has_a_check_that_tells_its_name_once_it_is_known(tmp_path: Path) -> None:
    """Before, the worker who reads the configuration is the first to show one; and one comment each says so."""
    with world(tmp_path) as w:
        w.take(repository="ada/churn")
        a, b = w.turn()
        assert {} == w.forge.checks("ada/churn", B)
        assert ["a", "b"] == [a.project, b.project]

        w.finish(w.book.change(a.id, name="churn-a"))
        w.finish(w.book.change(b.id, name="churn-b"))
        w.forge.push("ada/churn", 7, C)
        w.take(repository="ada/churn", kind=HookKind.SYNCHRONISED, head=C)
        w.turn()
        assert ["seatrial / churn-a", "seatrial / churn-b"] == sorted(w.forge.checks("ada/churn", C))
        assert 2 == len(w.forge.bodies("ada/churn", 7))


def test_the_second_push_wins(tmp_path: Path) -> None:
    """Two deliveries wait: one trial, of the newer commit; the older one's trial is cancelled and told why."""
    with world(tmp_path) as w:
        w.take(kind=HookKind.OPENED)
        (old,) = w.turn()
        w.forge.push(REPOSITORY, 7, C)
        second = w.take(kind=HookKind.SYNCHRONISED, head=C)
        _, new = w.turn()

        assert (C, newer(C)) == (new.commit, w.book.trial(old.id).cancelling)  # type: ignore[union-attr]
        assert {old.id: newer(C)} == w.queue.noted("cancel")
        assert ["a trial starts"] == w.notes(second)


def test_closing_cancels(tmp_path: Path) -> None:
    """Also where the pull request is gone with its repository."""
    with world(tmp_path) as w:
        w.take()
        (started,) = w.turn()
        w.close()
        w.take(kind=HookKind.CLOSED)
        w.turn()
        assert {started.id: CLOSED} == w.queue.noted("cancel")

        w.take(number=8)
        _, second = w.turn()
        w.forge.fail("pull", PermanentError("there is no such repository"))
        w.take(number=8, kind=HookKind.CLOSED)
        w.turn()
        assert {started.id: CLOSED, second.id: CLOSED} == w.queue.noted("cancel")


def test_a_reopened_pull_request_is_tried_again(tmp_path: Path) -> None:
    """Its trial was cancelled when it was closed; if it wasn't yet, that one goes on."""
    with world(tmp_path) as w:
        w.take()
        w.turn()
        w.take(kind=HookKind.CLOSED)
        w.take(kind=HookKind.REOPENED)
        (first,) = w.turn()
        assert ({}, "") == (w.queue.noted("cancel"), first.cancelling)

        w.close()
        w.take(kind=HookKind.CLOSED)
        w.turn()
        w.close(state=PullState.OPEN)
        w.take(kind=HookKind.REOPENED)
        _, second = w.turn()
        assert [first.id] == list(w.queue.noted("cancel"))
        assert sorted([first.id, second.id]) == list(w.queue.noted("run"))


def test_what_tells_of_closing_may_come_late(tmp_path: Path) -> None:
    """After what told of reopening: forges send from several queues. What is tried goes on."""
    with world(tmp_path) as w:
        w.take(kind=HookKind.REOPENED)
        w.turn()
        late = w.take(kind=HookKind.CLOSED)
        w.turn()
        w.clock.sleep(PATIENCE + 1)
        w.turn()
        assert (["the pull request is open again"], {}) == (w.notes(late), w.queue.noted("cancel"))


def test_a_fork_waits_for_somebody_with_write_access(tmp_path: Path) -> None:
    """One comment says so, however often is pushed; a stranger's words do nothing; carol's start it, confined."""
    with world(tmp_path) as w:
        w.fork()
        w.take(kind=HookKind.OPENED)
        w.take(kind=HookKind.SYNCHRONISED)
        w.take(kind=HookKind.LABELLED)
        w.comment("/seatrial run", author="mallory")
        assert [] == w.turn()
        (said,) = [body for body in w.forge.bodies(REPOSITORY, 7) if body != "/seatrial run"]
        assert "`/seatrial run`" in said

        about = w.comment("/seatrial run")
        (started,) = w.turn()
        assert (True, "carol", B) == (started.confined, started.asked_by, started.commit)
        assert {about.comment_id} < set(w.forge.acknowledged)


def test_a_push_to_a_fork_after_the_words_stops_them(tmp_path: Path) -> None:
    """The push waits behind the comment: what was looked at is not what is there."""
    with world(tmp_path) as w:
        w.fork()
        w.comment("/seatrial run")
        w.forge.push(REPOSITORY, 7, C)
        w.take(kind=HookKind.SYNCHRONISED, head=C)

        assert [] == w.turn()
        assert any("pushed after" in body for body in w.forge.bodies(REPOSITORY, 7))


def test_an_answer_is_given_once(tmp_path: Path) -> None:
    """Also where the first one's answer got lost, and where another delivery tells of the same comment."""
    with world(tmp_path) as w:
        w.forge.fail("create_comment", DOWN, late=True)
        given = w.comment("/seatrial cancel")
        w.turn()
        assert [None] == w.notes(given)
        w.clock.sleep(5)
        w.take(kind=HookKind.COMMENTED, author="carol", comment=given.comment, comment_id=given.comment_id, head="")
        w.turn()

        assert 1 == sum("nothing to cancel" in body for body in w.forge.bodies(REPOSITORY, 7))
        assert [] == w.book.waiting()


def test_a_stranger_cannot_keep_the_bot_from_answering(tmp_path: Path) -> None:
    """A mark of ours in somebody else's comment is no answer of ours."""
    with world(tmp_path) as w:
        w.comment("/seatrial cancel")
        w.turn()
        ours = next(body for body in w.forge.bodies(REPOSITORY, 7) if "nothing to cancel" in body)
        second = w.comment("/seatrial cancel")
        w.forge.say(REPOSITORY, 7, "mallory", ours)
        w.turn()

        assert [] == w.book.waiting()
        assert ["nothing runs"] == w.notes(second)
        assert 3 == sum("nothing to cancel" in body for body in w.forge.bodies(REPOSITORY, 7))


def test_a_metric_is_explained(tmp_path: Path) -> None:
    """From the last report; where that is not kept any more, it is said how to get another."""
    with world(tmp_path) as w:
        w.take()
        (done,) = w.turn()
        w.finish(done, report="d1")
        w.comment("/seatrial explain accuracy")
        w.turn()
        w.reports["d1"] = report()
        w.comment("/seatrial explain accuracy")
        w.turn()

        gone, told = [body for body in w.forge.bodies(REPOSITORY, 7) if not body.startswith("/seatrial")]
        assert "not kept any more" in gone
        assert "accuracy" in told


def test_run_again_is_another_trial(tmp_path: Path) -> None:
    """Of the same commit; the same comment told twice is one."""
    with world(tmp_path) as w:
        w.take()
        (first,) = w.turn()
        w.finish(first)
        given = w.comment("/seatrial run --attribute")
        w.take(kind=HookKind.COMMENTED, author="carol", comment=given.comment, comment_id=given.comment_id, head="")
        trials = w.turn()

        assert [(B, False), (B, True)] == [(each.commit, each.attribute) for each in trials]


def test_a_forge_that_is_down_holds_up_its_repository_alone(tmp_path: Path) -> None:
    """Tried again later and later, in order; others go on, and nothing is lost."""
    with world(tmp_path) as w:
        w.forge.fail("pull", DOWN)
        first = w.take(kind=HookKind.OPENED)
        behind = w.take(kind=HookKind.OPENED, number=8)
        other = w.take(repository="ada/churn")
        w.turn()
        assert [None, None, "a trial starts"] == w.notes(first, behind, other)
        assert [f"{REPOSITORY}#7: the forge does not answer; tried again later"] == [
            line for line in w.said if "again" in line
        ]

        w.clock.sleep(1.9)
        w.turn()
        assert [None, None] == w.notes(first, behind)
        w.forge.fail("pull", DOWN)
        w.clock.sleep(0.2)
        w.turn()
        w.clock.sleep(3.9)
        w.turn()
        assert [None, None] == w.notes(first, behind)
        w.clock.sleep(0.2)
        w.turn()
        assert ["a trial starts"] * 2 == w.notes(first, behind)


def test_a_queue_that_does_not_answer_is_tried_again(tmp_path: Path) -> None:
    """The trial is in the book by then, and is entered no second time."""
    with world(tmp_path) as w:
        w.queue.fault = TemporaryError("the queue does not answer")
        given = w.take()
        (started,) = w.turn()
        assert ({}, [None]) == (w.queue.noted("run"), w.notes(given))

        w.queue.fault = None
        w.clock.sleep(2.1)
        assert [started] == list(w.turn())
        assert [started.id] == list(w.queue.noted("run"))


def test_what_cannot_be_mended_is_given_up(tmp_path: Path) -> None:
    """It is said, noted, and stands in nobody's way."""
    with world(tmp_path) as w:
        w.forge.fail("pull", PermanentError("the token may not read pull requests", remedy="grant it"))
        given, other = w.take(), w.take(number=8)
        w.turn()

        assert ["given up: the token may not read pull requests", "a trial starts"] == w.notes(given, other)
        assert any("grant it" in line for line in w.said)


def test_what_nobody_foresaw_is_given_up_after_a_while(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A few tries later; other pull requests go on at once."""
    with world(tmp_path) as w:
        w.queue.fault = ZeroDivisionError()
        given = w.take()
        w.turn()
        w.queue.fault = None
        other = w.take(number=8)
        w.turn()
        assert [None, "a trial starts"] == w.notes(given, other)

        w.queue.fault = ZeroDivisionError()
        for _ in range(4):
            w.clock.sleep(3)
            w.turn()
        assert ["given up: something broke that nobody foresaw"] == w.notes(given)
        assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("call", ["acknowledge", "set_check"])
def test_courtesies_stop_nothing(tmp_path: Path, call: str) -> None:
    """A reaction or a waiting check that can't be shown: the trial starts all the same."""
    with world(tmp_path) as w:
        w.forge.fail(call, DOWN, times=None)
        given = w.comment("/seatrial run")
        assert 1 == len(w.turn())
        assert ["a trial starts"] == w.notes(given)
        assert any("does not answer" in line for line in w.said)


def test_a_commit_that_the_forge_does_not_show_yet_is_waited_for(tmp_path: Path) -> None:
    """Others go on; what comes later on the pull request waits behind; then the right commit is tried."""
    with world(tmp_path) as w:
        first = w.take(kind=HookKind.SYNCHRONISED, head=C)
        other = w.take(number=8)
        w.comment("/seatrial run")
        (only,) = w.turn()
        assert (8, [None, "a trial starts"]) == (only.number, w.notes(first, other))

        w.forge.push(REPOSITORY, 7, C)
        w.clock.sleep(1.1)
        assert [B, C] == [each.commit for each in w.turn()]
        assert [] == w.book.waiting()


def test_the_forge_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """Then what it shows counts."""
    with world(tmp_path) as w:
        w.take(kind=HookKind.SYNCHRONISED, head=C)
        for _ in range(int(PATIENCE) - 1):
            assert [] == w.turn()
            w.clock.sleep(1.05)
        w.clock.sleep(PATIENCE)
        assert [B] == [each.commit for each in w.turn()]


def test_a_check_that_runs_does_not_fall_back(tmp_path: Path) -> None:
    """The delivery is dealt with again after its trial began: `queued` is not shown any more."""
    with world(tmp_path) as w:
        w.take("d")
        (started,) = w.turn()
        w.book.change(started.id, state=TrialState.RUNNING)
        shown = w.forge.set_checks
        with sa.create_engine(f"sqlite:///{tmp_path / 'bot.db'}").begin() as connection:
            connection.execute(sa.text("UPDATE bot_deliveries SET done = NULL"))
        w.turn()

        assert shown == w.forge.set_checks
        assert [] == w.book.waiting()


def test_a_repository_that_is_not_served_any_more_is_passed_over(tmp_path: Path) -> None:
    """The configuration changed while a delivery waited."""
    with world(tmp_path) as w:
        given = w.take(repository="ada/gone")
        assert [] == w.turn()
        assert ["the repository is not served any more"] == w.notes(given)


def test_closed_pull_requests_are_left_alone(tmp_path: Path) -> None:
    """A delivery that waited until after the end."""
    with world(tmp_path) as w:
        w.close(state=PullState.MERGED)
        w.take(kind=HookKind.OPENED)
        w.take(kind=HookKind.CLOSED)
        assert [] == w.turn()
        assert [] == w.book.waiting()


def test_as_a_duty_it_deals_with_what_comes_and_ends_when_told(sql_url: str, tmp_path: Path) -> None:
    """Woken by the webhook, by itself where another process took the delivery; one slow repository stops no other."""
    with world(tmp_path, sql_url) as w:
        stop, go_on = threading.Event(), threading.Event()
        slow = threading.Event()

        def before() -> None:
            if threading.current_thread().name.startswith("pump") and not slow.is_set():
                slow.set()
                go_on.wait(30)

        w.forge.slow = before
        held = w.take()
        duty = threading.Thread(target=w.pump, args=(stop,))
        duty.start()
        try:
            assert slow.wait(30)
            other = w.take(repository="ada/churn")
            w.pump.wake()
            wait_until(lambda: w.notes(other) == ["a trial starts"])
            assert [None] == w.notes(held)
            go_on.set()
            wait_until(lambda: w.notes(held) == ["a trial starts"])
        finally:
            go_on.set()
            stop.set()
            duty.join(30)
        assert not duty.is_alive()


@pytest.mark.slow
def test_killed_at_any_moment_each_trial_runs_once(tmp_path: Path) -> None:
    """Before and after any statement, call to the forge and entry in the queue: the same trials, cancellations and answers."""
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    before, folder = tmp_path / "before", tmp_path / "now"
    before.mkdir()
    with world(before) as w:
        w.take("opened", kind=HookKind.OPENED)
        (first,) = w.turn()
        w.comment("/seatrial run --attribute", delivery="said")
        w.comment("/seatrial rnu", delivery="mistyped")
    shutil.copytree(before, folder)

    def moment() -> None:
        """The killer counts statements."""
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    def work() -> None:
        with world(folder, before=moment) as w:
            w.turn()

    kills = 0
    for _ in killed_at_each_moment(work):
        kills += 1
        with world(folder) as w:
            old, new = w.turn()
            assert [(first.id, False), (new.id, True)] == [(each.id, each.attribute) for each in (old, new)]
            assert sorted([old.id, new.id]) == list(w.queue.noted("run"))
            assert [old.id] == list(w.queue.noted("cancel"))
            assert 1 == sum("Known are" in body for body in w.forge.bodies(REPOSITORY, 7))
            assert [] == w.book.waiting()
        shutil.rmtree(folder)
        shutil.copytree(before, folder)
    assert kills > 50
