"""Pull requests on a real forge, from the branch that is pushed to the comment that is read."""

import signal
from pathlib import Path

import pytest

from tests.end_to_end.bots import bot_on
from tests.forges.gitea.world import Gitea
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
WORSE = '{"right": 1}'


def test_a_pull_request_is_tried_from_its_first_commit_to_its_end(gitea: Gitea, tmp_path: Path) -> None:
    """Opened: one comment and a green status. Pushed to: the same comment, now red. Closed: nothing of it is left."""
    with bot_on(gitea, tmp_path) as bot:
        bot.start()
        # Given a pull request with a harmless change, when it is opened
        good = bot.push("change", '{"note": "harmless"}')
        number = gitea.open_pull(bot.repository, "change", by=bot.author, title="Harmless")
        # Then its result is there
        bot.until_said(number, "Pass", good[:7])
        bot.until_status(good, "success")
        page = bot.page().text
        assert f"{bot.repository} #{number}" in page
        assert "pass" in page

        # When a worse model is pushed
        bad = bot.push("change", WORSE)
        # Then the same comment says so, with what was before folded in it
        comment = bot.until_said(number, "Fail", bad[:7])
        bot.until_status(bad, "failure")
        assert "accuracy" in comment
        assert good[:7] in comment

        # When it is closed
        gitea.close_pull(bot.repository, number)
        # Then what was made for it is gone
        wait_until(lambda: not list((bot.folder / ".seatrial" / "bot").rglob("server.py")), 30)
        assert [] == bot.mine()
        assert 1 == len(bot.own_comments(number))


def test_people_talk_to_it_and_strangers_do_not(gitea: Gitea, tmp_path: Path) -> None:
    """Who may push can have a metric explained and a trial repeated; a reader's command starts nothing."""
    with bot_on(gitea, tmp_path) as bot:
        bot.start()
        commit = bot.push("change", WORSE)
        number = gitea.open_pull(bot.repository, "change", by=bot.author, title="Worse")
        bot.until_said(number, "Fail", commit[:7])
        stranger = gitea.account("stranger")

        gitea.comment(bot.repository, number, "/seatrial run", by=stranger)
        gitea.comment(bot.repository, number, "/seatrial explain accuracy", by=bot.author)

        wait_until(lambda: len(bot.own_comments(number)) > 1, 60, poll=0.1)
        assert "### `accuracy` in small" in bot.own_comments(number)[1]
        assert 2 == len(bot.own_comments(number))


def test_a_fork_is_tried_only_when_asked_and_then_confined(gitea: Gitea, tmp_path: Path) -> None:
    """A stranger's pull request runs nothing by itself; asked for, it sees neither secrets nor network."""
    with bot_on(gitea, tmp_path) as bot:
        bot.start()
        stranger = gitea.account("stranger")
        fork = gitea.fork(bot.repository, stranger)
        curious = bot.work.folder / "server.py"
        commit = bot.work.commit("fork", {"server.py": SPY + curious.read_text()})
        bot.work.push(gitea.clone_url(fork, stranger), "fork")
        number = gitea.open_pull(bot.repository, f"{stranger.name}:fork", by=stranger, title="Let me in")
        told = bot.until_said(number, "/seatrial run")
        assert "Pass" not in told

        gitea.comment(bot.repository, number, "/seatrial run", by=bot.author)

        bot.until_said(number, "Pass", commit[:7])
        bot.until_status(commit, "success")


def test_a_server_that_is_killed_leaves_nothing_undone(gitea: Gitea, tmp_path: Path) -> None:
    """Whatever it was at: the next one brings the trial to its one end, with one comment, and leaves no process."""
    with bot_on(gitea, tmp_path) as bot:
        bot.start()
        commit = bot.push("change", '{"note": "harmless"}')
        number = gitea.open_pull(bot.repository, "change", by=bot.author, title="Harmless")
        wait_until(lambda: any("server.py" in line for line in bot.mine()), 60)

        bot.stop(signal.SIGKILL)
        bot.start()

        bot.until_said(number, "Pass", commit[:7])
        bot.until_status(commit, "success")
        assert 1 == len(bot.own_comments(number))
        assert 1 == bot.page().text.count('scope="row"')
        wait_until(lambda: not bot.mine(), 30)


def test_a_newer_commit_supersedes_and_a_broken_file_is_told(gitea: Gitea, tmp_path: Path) -> None:
    """The older commit's trial ends and says so; a seatrial.yaml that can't be read is a result like any other."""
    with bot_on(gitea, tmp_path) as bot:
        bot.start()
        first = bot.push("change", '{"note": "first"}')
        number = gitea.open_pull(bot.repository, "change", by=bot.author, title="Change")
        wait_until(lambda: any("server.py" in line for line in bot.mine()), 60)

        broken = bot.work.commit("change", {"seatrial.yaml": "requsts: {}\n"})
        bot.work.push(gitea.clone_url(bot.repository, bot.author), "change")

        bot.until_said(number, "requsts", broken[:7])
        bot.until_status(broken, "error")
        assert bot.status(first) in {"error", "failure"}
        assert 1 == len(bot.own_comments(number))


SPY = """\
import os, socket, sys
for name, value in os.environ.items():
    if "secret" in value.lower() or "TOKEN" in name:
        sys.exit(f"a secret is in the environment: {name}")
for entry in os.listdir("/proc"):
    if entry.isdigit():
        try:
            if b"WEBHOOK_SECRET" in open(f"/proc/{entry}/environ", "rb").read():
                sys.exit("the server's environment can be read")
        except OSError:
            pass
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
    sys.exit("there is a network")
except OSError as error:
    if "timed out" in str(error):
        sys.exit("there is a network")
"""
