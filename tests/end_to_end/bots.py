"""A bot as people run it: `seatrial server` in a folder of its own, on a real Gitea with a real repository."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.end_to_end.projects import CONFIG, SERVER, rows
from tests.forges.gitea.world import Account, Gitea, WorkingCopy
from tests.waiting import wait_until

SECRET = "secret-of-the-webhooks"
DEADLINE = 120.0
COMMAND = (sys.executable, "-c", "from seatrial.cli.entry import main; main()")
BOT = """\
name: bots
forge: {{kind: gitea, url: "{url}"}}
bot:
  secret: ${{WEBHOOK_SECRET}}
  port: 0
  repositories:
    {repository}: {{}}
"""
FILES = {
    "server.py": SERVER.read_text(),
    "model.json": "{}",
    "requests.jsonl": rows(120),
    "seatrial.yaml": CONFIG,
    ".gitignore": ".seatrial/\n__pycache__/\n",
}


@dataclass(kw_only=True)
class Bot:
    """What a test sees of it."""

    gitea: Gitea
    repository: str
    author: Account
    account: Account
    folder: Path
    work: WorkingCopy
    environ: Mapping[str, str]
    url: str = ""
    process: "subprocess.Popen[bytes] | None" = None
    hook: int = 0
    logs: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Run the server; the forge is told where its webhooks go now."""
        log = self.folder / f"server-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "server"], cwd=self.folder, env=dict(self.environ), stdout=out, stderr=subprocess.STDOUT
            )
        found = wait_until(lambda: re.search(r"webhooks are taken at (http\S+)/hooks/gitea", log.read_text()), 60)
        assert found
        self.url = found[1]
        if self.hook:
            self.gitea.call("DELETE", f"/repos/{self.repository}/hooks/{self.hook}")
        self.hook = self.gitea.webhook(self.repository, f"{self.url}/hooks/gitea", SECRET)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(90)
            self.process = None

    def push(self, branch: str, model: str) -> str:
        """A commit with another model."""
        commit = self.work.commit(branch, {"model.json": model})
        self.work.push(self.gitea.clone_url(self.repository, self.author), branch)
        return commit

    def own_comments(self, number: int) -> list[str]:
        """What the bot said on a pull request."""
        found = self.gitea.comments(self.repository, number)
        return [each["body"] for each in found if each["user"]["login"] == self.account.name]

    def status(self, commit: str) -> str:
        """The commit's newest status of the bot."""
        found = self.gitea.statuses(self.repository, commit)
        return str(found[0]["status"]) if found else ""

    def until_said(self, number: int, *words: str) -> str:
        """A comment of the bot, once one says all of that."""

        def said() -> str:
            found = self.own_comments(number)
            return next((text for text in found if all(word in text for word in words)), "")

        try:
            return wait_until(said, DEADLINE, poll=0.1)
        except AssertionError as error:
            raise AssertionError(f"{self.own_comments(number)}\n{self.log()[-6000:]}") from error

    def until_status(self, commit: str, status: str) -> None:
        """Wait for a commit's status."""
        try:
            wait_until(lambda: self.status(commit) == status, DEADLINE, poll=0.1)
        except AssertionError as error:
            raise AssertionError(f"{self.status(commit)!r}\n{self.log()[-6000:]}") from error

    def log(self) -> str:
        """All that the servers said."""
        return "\n".join(log.read_text() for log in self.logs)

    def page(self, path: str = "/") -> httpx.Response:
        """A page of the server."""
        return httpx.get(f"{self.url}{path}", trust_env=False)

    def mine(self) -> list[str]:
        """Processes that the bot's trials run, by their command lines."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                where, line = str((entry / "cwd").readlink()), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if where.startswith(str(self.folder)) and entry.name != str(self.process and self.process.pid):
                found.append(line.replace(b"\0", b" ").decode())
        return found


@contextmanager
def bot_on(gitea: Gitea, folder: Path, *, config: str = BOT, **environ: str) -> Iterator[Bot]:
    """A bot that has not started yet, for a fresh repository whose `main` holds a small project that is good."""
    author, account = gitea.account("author"), gitea.account("seatrial-bot")
    repository = gitea.repository(author, "wine")
    gitea.let(repository, account, "admin")
    work = WorkingCopy(folder / "work")
    work.commit("main", FILES)
    work.push(gitea.clone_url(repository, author), "main")
    home = folder / "bot"
    home.mkdir()
    (home / "seatrial.yaml").write_text(config.format(url=gitea.url, repository=repository))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME", "LANG") if name in os.environ}
    bot = Bot(
        gitea=gitea,
        repository=repository,
        author=author,
        account=account,
        folder=home,
        work=work,
        environ={**kept, "GITEA_TOKEN": account.token, "WEBHOOK_SECRET": SECRET, **environ},
    )
    try:
        yield bot
    finally:
        bot.stop(signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def hook_answers(gitea: Gitea, bot: Bot) -> Any:
    """What Gitea got for its last deliveries."""
    return gitea.call("GET", f"/repos/{bot.repository}/hooks/{bot.hook}")
