"""What people read in their mail of a retraining: a real mail server, real processes, and kill -9 around the sending."""

import re
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.receivers import MAILBOX, Mails, mail_server
from tests.workflows.loops import BEGAN, Loop, make_loop, ratings

PAUSE = timedelta(days=1)
REFUSED = "small: a new version of small was refused by its gate – fail"
FIGURES = r"rmse went 0\.\d+ → 0\.\d+ \(\+0\.\d+, 95% interval \[\+0\.\d+, \+0\.\d+\]\) from small@1 \(Production\)"


@pytest.mark.slow
def test_a_mail_says_what_is_so_and_comes_once(tmp_path: Path) -> None:
    """Promoted is said once the stage has moved; a refusal is one mail with the metric, its interval, and why.

    A process that dies between sending and noting it sends the same mail again; one that dies at another moment does not.
    """
    with mail_server() as mails:
        url = f"mailto://127.0.0.1:{mails.port}/?from=ship@example.org&to={MAILBOX}"
        loop = make_loop(tmp_path, config=f"notify:\n  - {{name: team, url: '{url}'}}\n")
        mails.look = lambda: [version.stage for version in loop.models()]
        loop.rate(ratings(200))
        assert 0 == loop.run("retrain", fake=True).returncode
        assert ["small v1 holds Production now – pass", "small v1 was promoted – pass"] == sorted(
            str(message["Subject"]).removeprefix("small: ") for message in mails.messages
        )

        loop.small.write("bias.txt", "0.8")
        killed_and_resumed(loop, 1, ("kept", "conclude"))
        assert 3 == len(mails.messages), "one for the refusal"
        killed_and_resumed(loop, 2, ("after", "send 1"))
        assert 5 == len(mails.messages)
        assert text_of(mails, 3) == text_of(mails, 4)
    assert [["Production"]] * 5 == mails.seen
    for refusal in (text_of(mails, 2), text_of(mails, 3)):
        assert refusal.startswith(REFUSED)
        assert re.search(FIGURES, refusal)
        assert "worse than the margin of 10% allows" in refusal
        assert "It was not registered" in refusal
        assert "success" not in refusal.lower()
        assert "promoted" not in refusal


def killed_and_resumed(loop: Loop, seed: int, dying: tuple[str, str]) -> None:
    """A run on new ratings in a process that is killed, and its end in another one, which exits as the run does."""
    loop.rate(ratings(200, seed=seed, begin=BEGAN + seed * PAUSE), f"{seed}.log")
    killed = loop.run("retrain", dying=dying, fake=True)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    assert [] == loop.json("resume", fake=True)["undelivered"]


def text_of(mails: Mails, index: int) -> str:
    """The subject and the words of a mail, on one line, without the marks that keep it from being linked."""
    message = mails.messages[index]
    body = message.get_body(("plain",))
    assert body is not None
    return " ".join(f"{message['Subject']}: {body.get_content()}".replace("\u2060", "").split())
