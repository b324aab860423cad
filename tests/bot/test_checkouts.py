"""What git does for the bot with code that somebody else wrote: fetch it and lay it out, and nothing else."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.bot.checkouts import Checkouts, remove
from seatrial.records import PermanentError, TemporaryError
from tests.bot.trying import WHOLE, GitForge, open_bot

TOKEN = base64.b64encode(b"bot:very-secret").decode()


def made(folder: Path) -> Checkouts:
    """Checkouts below a folder."""
    return Checkouts(folder / "bot", SystemClock(), ProcessRuntime(), dict(os.environ))


def test_a_commit_is_fetched_and_laid_out(tmp_path: Path) -> None:
    """With what the pull request is compared with: where it left its branch, although that went on."""
    with open_bot(tmp_path) as bot:
        before = bot.small.git("rev-parse", "main")
        pull = bot.pull(new__txt="new")
        bot.small.write("other.txt", "later")
        bot.small.commit()
        checkouts = made(tmp_path)
        fetched = checkouts.fetch(bot.forge, pull, pull.head)
        with checkouts.scratch("t", "small") as scratch:
            folder = checkouts.check_out(WHOLE, fetched.head, scratch.checkout)
            there = (folder / "new.txt").read_text(), (folder / "other.txt").exists()
            log = subprocess.run(["git", "log", "--format=%H"], cwd=folder, capture_output=True, text=True, check=True)

        assert (pull.head, before) == (fetched.head, fetched.base)
        assert ("new", False) == there
        assert [pull.head, before] == log.stdout.split()[:2]
        assert checkouts.has(WHOLE, pull.head, before)
        assert not checkouts.has(WHOLE, "0" * 40)
        assert not scratch.root.exists()


def test_what_was_fetched_runs_nothing(tmp_path: Path) -> None:
    """No filter that the attributes name, no submodule, no hook; also where the server's own git knows the filter."""
    with open_bot(tmp_path) as bot:
        ran = tmp_path / "ran"
        (tmp_path / "gitconfig").write_text(
            f'[filter "evil"]\n\tsmudge = touch {ran}\n[core]\n\thooksPath = {tmp_path}/hooks\n[protocol]\n\tallow = always\n'
        )
        hook = tmp_path / "hooks" / "post-checkout"
        hook.parent.mkdir()
        hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
        hook.chmod(0o755)
        files: dict[str, Any] = {
            ".gitattributes": "*.bin filter=evil\n",
            "model.bin": "pointer",
            ".gitmodules": f'[submodule "s"]\n\tpath = s\n\turl = {bot.small.folder}\n',
        }
        pull = bot.pull(**files)
        environ = {**os.environ, "HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
        checkouts = Checkouts(tmp_path / "bot", SystemClock(), ProcessRuntime(), environ)
        checkouts.fetch(bot.forge, pull, pull.head)
        with checkouts.scratch("t", "small") as scratch:
            folder = checkouts.check_out(WHOLE, pull.head, scratch.checkout)

            assert "pointer" == (folder / "model.bin").read_text()
        assert not ran.exists()


def test_no_protocol_but_the_forges_own_is_spoken(tmp_path: Path) -> None:
    """A transport that runs a program is refused."""
    with open_bot(tmp_path) as bot:
        pull = bot.pull(new__txt="new")
        vars(bot.forge)["clone_url"] = lambda _repository: f"ext::sh -c touch% {tmp_path}/ran"
        with pytest.raises((PermanentError, TemporaryError)):
            made(tmp_path).fetch(bot.forge, pull, pull.head)

        assert not (tmp_path / "ran").exists()


@contextmanager
def hosting(folder: Path, asked: list[str]) -> Iterator[str]:
    """Serves a bare repository to whoever shows the token, as a web server of files does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            path = folder / self.path.partition("?")[0].lstrip("/")
            known = asked[-1] == f"Basic {TOKEN}"
            body = path.read_bytes() if known and path.is_file() else b""
            self.send_response(401 if not known else 200 if path.is_file() else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/wine.git"
        finally:
            server.shutdown()
            thread.join()


def test_the_token_is_in_no_file_and_no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git shows it to the forge's host, and nothing of it stays; without it the refusal says what is missing."""
    lines: list[str] = []
    run = subprocess.run

    def noted(command: Any, **more: Any) -> Any:
        lines.append(str(command))
        return run(command, **more)

    monkeypatch.setattr(subprocess, "run", noted)
    with open_bot(tmp_path) as bot:
        pull = bot.pull(new__txt="new")
        bot.small.git("clone", "--quiet", "--bare", ".", str(tmp_path / "web" / "wine.git"))
        run(["git", "update-server-info"], cwd=tmp_path / "web" / "wine.git", check=True)
        asked: list[str] = []
        with hosting(tmp_path / "web", asked) as url:
            vars(bot.forge).update(clone_url=lambda _: url)
            with pytest.raises(PermanentError, match="can't be fetched"):
                made(tmp_path / "without").fetch(bot.forge, pull, pull.head)
            vars(bot.forge).update(git_header=lambda _: f"Authorization: Basic {TOKEN}")
            fetched = made(tmp_path).fetch(bot.forge, pull, pull.head)

        assert pull.head == fetched.head
        assert f"Basic {TOKEN}" in asked
        assert not [line for line in lines if TOKEN in line]
        written = [path for path in (tmp_path / "bot").rglob("*") if path.is_file()]
        assert not [path for path in written if TOKEN.encode() in path.read_bytes()]


def test_a_forge_that_does_not_answer_may_later(tmp_path: Path) -> None:
    """So that the story is gone on with; a repository that isn't there is not tried again."""
    with open_bot(tmp_path) as bot:
        pull = bot.pull(new__txt="new")
        vars(bot.forge)["clone_url"] = lambda _repository: "http://127.0.0.1:9/wine.git"
        with pytest.raises(TemporaryError):
            made(tmp_path).fetch(bot.forge, pull, pull.head)
        with pytest.raises(PermanentError):
            made(tmp_path).fetch(GitForge(tmp_path / "nowhere"), pull, pull.head)


def test_what_took_its_own_rights_away_is_removed(tmp_path: Path) -> None:
    """Links are not followed: what they point to stays."""
    kept = tmp_path / "kept"
    kept.write_text("kept")
    folder = tmp_path / "checkout" / "shut"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(kept)
    (folder / "deep").mkdir(mode=0o000)
    folder.chmod(0o000)
    remove(tmp_path / "checkout")

    assert not (tmp_path / "checkout").exists()
    assert "kept" == kept.read_text()
