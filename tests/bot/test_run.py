"""The story of one trial of the bot, on real repositories with real children."""

from pathlib import Path

import pytest

from seatrial.bot.why import CLOSED
from seatrial.records import PermanentError, SeatrialError, TrialState, Verdict
from seatrial.trial.report import load_report
from tests.bot.trying import WHOLE, open_bot
from tests.end_to_end.projects import CONFIG

TWO = f"{CONFIG}  other:\n    run: python server.py\n"


@pytest.mark.slow
def test_a_pull_request_is_tried_and_its_result_published(tmp_path: Path) -> None:
    """Every deployment by a child of its own; one report, in the configuration's order, in the store and on the forge."""
    with open_bot(tmp_path, TWO) as bot:
        ended = bot.run(bot.pull(README__md="new"))

        assert (TrialState.FINISHED, "small", "here/1") == (ended.state, ended.name, ended.worker)
        assert ["running", "ended"] == bot.wall.words()
        report = bot.report()
        assert ["small", "other"] == [each.name for each in report.deployments]
        assert (ended.id, ended.verdict, ended.headline) == (report.run, report.verdict, report.headline)
        assert report == load_report(bot.tools.store.get(ended.report))
        assert b"<html" in bot.tools.store.get(ended.page)
        assert {"small@baseline", "other@candidate"} <= {said.cell for word, said in bot.wall.said if word == "watch"}
        assert f"https://bot.example/trials/{ended.id}" == bot.wall.targets[-1].run_url
        assert [] == bot.left


@pytest.mark.slow
def test_a_deployment_whose_child_dies_is_a_row(tmp_path: Path) -> None:
    """With how it died and the end of its log; the other deployment keeps its own verdict."""
    config = TWO.replace("  other:\n    run: python server.py\n", "  other:\n    run: python killer.py\n")
    with open_bot(tmp_path, config) as bot:
        killer = "import os, signal\nos.kill(int(os.popen('ps -o ppid= -p %d' % os.getpid()).read()), 9)\n"
        ended = bot.run(bot.pull(killer__py=killer))

        assert TrialState.FINISHED is ended.state
        small, other = bot.report().deployments
        assert Verdict.ERROR is other.verdict
        assert "SIGKILL" in other.reasons[0]
        assert small.comparisons
        assert [] == bot.left


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("name: small\nbogus: 1\n", "bogus"),
        ("name: small\n", "deployments"),
        ("]", "seatrial.yaml"),
    ],
)
def test_a_wrong_configuration_is_published_as_such(tmp_path: Path, config: str, expected: str) -> None:
    """What is wrong with it, where and how to mend it; no path of the server's is in it."""
    with open_bot(tmp_path) as bot:
        ended = bot.run(bot.pull(seatrial__yaml=config))

        assert TrialState.BROKEN is ended.state
        assert ["broken"] == bot.wall.words()
        error = bot.wall.said[-1][1]
        assert isinstance(error, SeatrialError)
        assert expected in str(error)
        assert str(tmp_path) not in str(error)
        assert [] == bot.left


def test_what_is_no_longer_wanted_is_not_begun(tmp_path: Path) -> None:
    """A closed pull request, a newer commit, or somebody's wish: it is cancelled, and says why."""
    with open_bot(tmp_path) as bot:
        closed, newer, wished = (bot.pull(number, README__md=str(number)) for number in (1, 2, 3))
        bot.close(closed)
        bot.forge.push(WHOLE, 2, "f" * 40)
        cancelled = [bot.run(closed), bot.run(newer), bot.run(wished, cancelling="ada asked for it")]

        assert [TrialState.CANCELLED] * 3 == [each.state for each in cancelled]
        said = [told for word, told in bot.wall.said if word == "cancelled"]
        assert [(CLOSED, ""), (f"a newer commit came: {'f' * 40}", "f" * 40), ("ada asked for it", "")] == said


def test_a_commit_that_is_gone_is_broken(tmp_path: Path) -> None:
    """The forge names it, and git can't find it."""
    with open_bot(tmp_path) as bot:
        pull = bot.pull(README__md="new")
        bot.forge.push(WHOLE, 1, "a" * 40)
        ended = bot.run(bot.forge.pull(WHOLE, 1))

        assert TrialState.BROKEN is ended.state
        assert "the commit is no longer there" in ended.why
        assert pull.head != ended.commit


def test_a_trial_that_has_ended_is_not_told_again(tmp_path: Path) -> None:
    """Its workflow may be: nothing is published a second time."""
    with open_bot(tmp_path) as bot:
        pull = bot.pull(README__md="new")
        bot.close(pull)
        bot.run(pull)
        bot.run(pull)

        assert ["cancelled"] == bot.wall.words()


def test_a_forge_that_refuses_is_told(tmp_path: Path) -> None:
    """A token that may not read pull requests breaks the trial with the remedy."""
    with open_bot(tmp_path) as bot:
        pull = bot.pull(README__md="new")
        bot.forge.fail("pull", PermanentError("the token may not", remedy="pull-requests: read"))
        ended = bot.run(pull)

        assert TrialState.BROKEN is ended.state
        assert "pull-requests: read" in ended.why


def test_a_part_that_kills_its_worker_again_and_again_is_given_up(tmp_path: Path) -> None:
    """After three times; otherwise it would go on for ever."""
    with open_bot(tmp_path) as bot:
        pull = bot.pull(README__md="new")
        with bot.tools.checkouts.scratch(f"trial-{pull.number}", "small") as scratch:
            scratch.tries.write_text("3")
        ended = bot.run(pull)

        assert TrialState.BROKEN is ended.state
        assert "its worker died 3 times" in ended.why
