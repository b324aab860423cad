"""The code that a trial of the bot runs: fetched into one mirror a repository, checked out into a folder a trial.

Somebody else wrote what is fetched, so that git is kept from doing anything on its word: no hooks, no filters (LFS
included), no submodules, no protocol but that of the forge's own address, nothing from the settings of whoever runs the
server. The forge's token reaches git through its environment alone: it is in no command line, no file and no log.

A checkout is a repository of its own that borrows the mirror's objects. What runs in it may write to it as it likes and
changes neither the mirror nor another checkout; the bot itself never runs git in it again, for by then its settings are
somebody else's.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from seatrial.logs import redact
from seatrial.ports import Clock, Forge, Runtime
from seatrial.records import PermanentError, PullRequest, SeatrialError, TemporaryError
from seatrial.trial.build.locks import hold
from seatrial.trial.change.git import Git
from seatrial.trial.workspace import RunFolder, Workspace

_PASSED_ON: Final = frozenset(
    {
        *("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    }
)
# On top of what `Git` shields from: nothing of what was fetched is run, and a server that stalls is given up.
_DISTRUST: Final = {
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "http.followRedirects": "initial",
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "60",
}
_REFUSED: Final = (
    "Authentication failed",
    "could not read Username",
    "403",
    "401",
    "not found",
    "does not appear to be",
)
_PROTOCOLS: Final = frozenset({"https", "http", "ssh"})
_PROJECTS_DEEP: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a trial compares, both in the mirror: `base` is where the pull request left the branch that it shall go into."""

    head: str
    base: str


@dataclass(frozen=True, slots=True)
class Scratch:
    """The folder of one part of a trial, held by the process that runs it."""

    root: Path

    @property
    def checkout(self) -> Path:
        """The repository."""
        return self.root / "checkout"

    @property
    def out(self) -> Path:
        """Where the trial's reports go."""
        return self.root / "out"

    @property
    def mark(self) -> str:
        """By which the processes of its trial are found."""
        return f"bot-{hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:12]}"

    @property
    def tries(self) -> Path:
        """Counts how often it was begun."""
        return self.root.with_name(f"{self.root.name}.tries")


class Checkouts:
    """Mirrors and checkouts of one bot on this machine. Safe to use from many threads and processes.

    Args:
        root: folder that holds them; made if missing.
        clock: for waiting for a mirror that another process fetches into.
        runtime: stops what a trial left behind.
        environ: the server's environment, of which git gets what it needs to reach the forge.
    """

    def __init__(self, root: Path, clock: Clock, runtime: Runtime, environ: Mapping[str, str]) -> None:
        self._root = root
        self._clock = clock
        self._runtime = runtime
        self._environ = {name: environ[name] for name in _PASSED_ON if name in environ}

    def mirror(self, repository: str) -> Path:
        """The bare repository that everything of a repository is fetched into."""
        digest = hashlib.sha256(repository.casefold().encode()).hexdigest()[:16]
        return self._root / "mirrors" / f"{digest}.git"

    def fetch(self, forge: Forge, pull: PullRequest, commit: str) -> Fetched:
        """Have a commit of a pull request, and what it is compared with, in the mirror.

        Raises:
            TemporaryError: the forge does not answer.
            PermanentError: the token may not read the repository, or the commit is gone.
        """
        mirror = self.mirror(pull.repository)
        with hold(mirror.with_suffix(".lock"), self._clock):
            git = self._open(mirror)
            base = f"refs/heads/{pull.base_ref}" if pull.base_ref else pull.base
            own = f"refs/seatrial/{pull.number}"
            if pull.base not in git.resolve(pull.base) or commit not in git.resolve(commit):
                self._fetch(
                    git, forge, pull.repository, (f"+{base}:{own}/base", f"+{forge.fetch_ref(pull.number)}:{own}/head")
                )
            if commit not in git.resolve(f"{commit}^{{commit}}"):
                self._fetch(git, forge, pull.repository, (f"+{commit}:{own}/commit",))
            branch = pull.base if pull.base in git.resolve(f"{pull.base}^{{commit}}") else f"{own}/base"
            fork = git.attempt("merge-base", commit, branch)
            found = fork.text if fork.status == 0 else git.run("rev-parse", "--verify", f"{branch}^{{commit}}").text
            git.attempt("gc", "--auto", "--quiet", settings={"gc.auto": "6700", "gc.autoDetach": "false"})
        return Fetched(head=commit, base=found)

    def has(self, repository: str, *commits: str) -> bool:
        """Whether this machine has these commits."""
        mirror = self.mirror(repository)
        return mirror.is_dir() and None not in self._git(mirror).resolve(*(f"{each}^{{commit}}" for each in commits))

    @contextmanager
    def scratch(self, trial: str, part: str) -> Iterator[Scratch]:
        """A fresh folder for one part of a trial, until the block ends; whatever of it still runs then is stopped.

        What an earlier process left in it when it was killed is stopped and removed first.
        """
        scratch = Scratch(self._folder(trial) / hashlib.sha256(part.encode()).hexdigest()[:12])
        scratch.root.parent.mkdir(parents=True, exist_ok=True)
        with hold(scratch.root.with_name(f"{scratch.root.name}.lock"), self._clock):
            if scratch.root.exists():
                self.stop(scratch)
                remove(scratch.root)
            scratch.out.mkdir(parents=True)
            try:
                yield scratch
            finally:
                remove(scratch.root)

    def check_out(self, repository: str, commit: str, folder: Path) -> Path:
        """A repository at `folder`, which does not exist yet, with the files of a commit of a mirror."""
        folder.mkdir(parents=True)
        git = self._git(folder)
        git.run("init", "--quiet", "--template=", settings=_DISTRUST)
        alternates = folder / ".git" / "objects" / "info" / "alternates"
        alternates.parent.mkdir(parents=True, exist_ok=True)
        alternates.write_text(f"{self.objects(repository)}\n")
        git.run("checkout", "--quiet", "--detach", "--force", commit, settings=_DISTRUST)
        return folder

    def objects(self, repository: str) -> Path:
        """The folder that checkouts of a repository borrow objects from."""
        return self.mirror(repository).resolve() / "objects"

    def stop(self, scratch: Scratch) -> int:
        """Stop everything that a trial in a folder left running; how many processes that were."""
        marks = [scratch.mark, *(RunFolder(run).mark for run in _runs(scratch.checkout))]
        return sum(self._runtime.sweep(mark) for mark in marks)

    def forget(self, trial: str) -> None:
        """Remove what is left of a trial that no process of this machine runs any more."""
        folder = self._folder(trial)
        if not folder.is_dir():
            return
        for lock in folder.glob("*.lock"):
            if not RunFolder(lock.with_suffix("")).root.exists():
                continue
            with hold(lock, self._clock):
                scratch = Scratch(lock.with_suffix(""))
                self.stop(scratch)
                remove(scratch.root)
        remove(folder)

    def trials(self) -> list[str]:
        """The trials that something is left of here."""
        folder = self._root / "trials"
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []

    def _folder(self, trial: str) -> Path:
        name = trial if trial.replace("-", "").isalnum() else hashlib.sha256(trial.encode()).hexdigest()[:24]
        return self._root / "trials" / name

    def _open(self, mirror: Path) -> Git:
        git = self._git(mirror)
        if not (mirror / "HEAD").exists():
            mirror.mkdir(parents=True, exist_ok=True)
            git.run("init", "--quiet", "--bare", "--template=")
        return git

    def _git(self, folder: Path) -> Git:
        return Git(folder, {**self._environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"})

    def _fetch(self, git: Git, forge: Forge, repository: str, refs: tuple[str, ...]) -> None:
        url = forge.clone_url(repository)
        scheme = urlsplit(url).scheme
        env = {"GIT_ALLOW_PROTOCOL": scheme if scheme in _PROTOCOLS else "file", "GIT_PROTOCOL_FROM_USER": "0"}
        env |= _header(url, forge.git_header(repository))
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--", url, *refs)
        done = git.attempt(*words, env=env, settings=_DISTRUST)
        if done.status != 0:
            raise _refused(done.err, url)


def remove(folder: Path) -> None:
    """Remove a folder, also where what ran in it took its own rights away."""

    def insist(function: object, path: str, _error: object) -> None:
        del function
        with suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)
            shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink()

    shutil.rmtree(folder, onerror=insist)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def _header(url: str, header: str) -> dict[str, str]:
    """Git's settings in the environment of one command; the header goes to the forge's own host alone."""
    if not header:
        return {}
    parts = urlsplit(url)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
        "GIT_CONFIG_VALUE_0": header,
    }


def _refused(said: str, url: str) -> SeatrialError:
    line = next((line for line in redact(said).splitlines() if line.startswith(("fatal:", "error:"))), "git failed")
    what = f"the repository can't be fetched: {line.partition(': ')[2] or line}"
    if "couldn't find remote ref" in said or "not our ref" in said or "no such remote ref" in said:
        return PermanentError("the commit is no longer there", where=url, remedy="push again")
    if any(sign in said for sign in _REFUSED):
        remedy = "let the forge's token read the repository's contents, and see that the address is right"
        return PermanentError(what, where=url, remedy=remedy)
    return TemporaryError(what, where=url, remedy="see whether the forge answers")


def _runs(checkout: Path) -> Iterator[Path]:
    """The folders of runs in a checkout's projects. It is somebody else's: links in it are not followed."""
    for place, folders, _ in os.walk(checkout):
        depth = len(Path(place).relative_to(checkout).parts)
        if ".seatrial" in folders:
            runs = Workspace(Path(place) / ".seatrial").runs
            if runs.is_dir() and not runs.is_symlink():
                yield from (run for run in runs.iterdir() if run.is_dir())
        folders[:] = [] if depth >= _PROJECTS_DEEP else [name for name in folders if not name.startswith(".")]
