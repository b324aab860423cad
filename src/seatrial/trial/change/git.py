"""A thin wrapper round the `git` program, so that the trial's modules read as steps and not as subprocess calls.

Commands are data (`Git.command` returns the exact argument list), no shell sees them, and they are shielded from what
may surprise on somebody else's machine: hooks, a file system monitor, prompts, pagers, translated messages and the
`GIT_DIR` that git exports to hooks. Whatever git refuses becomes an error with a remedy. File names are text whose
undecodable bytes are kept by `surrogateescape`; `shown` makes one fit for people.

Source: git-scm.com/docs (git, gitrevisions, git-cat-file, git-ls-tree, git-diff-tree). Needs git >= 2.31.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from seatrial.records import UsageError
from seatrial.trial.change.refusals import explain

# What must not run or ask while seatrial works; the rest of the user's settings (filters, line ends) stays in force.
_SHIELD: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.splitIndex": "false",
    "core.safecrlf": "false",
    "core.sparseCheckout": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "advice.addEmbeddedRepo": "false",
}
# Exported by git to its hooks and aliases; they would redirect every command to another repository or index.
_REDIRECTING: Final = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_COMMON_DIR",
        "GIT_PREFIX",
        "GIT_NAMESPACE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_GLOB_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_EXTERNAL_DIFF",
        "GIT_TRACE",
    }
)
_OBJECT: Final = re.compile(rb"([0-9a-f]{40,64}) (blob|tree|commit|tag) (\d+)")
SUBMODULE_MODE: Final = "160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree: its mode (`100644`, `100755`, `120000` symlink, `160000` submodule), object id and path."""

    mode: str
    oid: str
    path: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs between two trees; `before` or `after` is None where it is not there."""

    path: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class GitResult:
    """What a git command answered."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text without its last line end."""
        return decode(self.out).removesuffix("\n")


@dataclass(frozen=True, slots=True)
class Git:
    """Git in one folder. `environ` is what the commands inherit; by default this process's environment."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(dict(os.environ)))

    def command(self, *args: str, settings: Mapping[str, str] = MappingProxyType({})) -> tuple[str, ...]:
        """The argument list of one git command, the shield included; `settings` are further `-c` settings."""
        shield = [part for key, value in {**_SHIELD, **settings}.items() for part in ("-c", f"{key}={value}")]
        return ("git", "--no-pager", "--no-optional-locks", *shield, "-C", os.fspath(self.folder), *args)

    def environment(self, extra: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """The environment of a command: the inherited one without redirections, English and without prompts."""
        kept = {key: value for key, value in self.environ.items() if key not in _REDIRECTING}
        return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", **extra}

    def attempt(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] = MappingProxyType({}),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> GitResult:
        """Run one command and return whatever it answers. Raises UsageError if there is no git on this machine."""
        command = self.command(*args, settings=settings)
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, env=self.environment(env), check=False)
        except FileNotFoundError:
            raise UsageError(
                "git was not found on the PATH", where=str(self.folder), remedy="install it: `apt-get install git`"
            ) from None
        except OSError as error:
            raise UsageError(f"git can't be started: {error.strerror}", where=str(self.folder)) from error
        return GitResult(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip())

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] = MappingProxyType({}),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> GitResult:
        """Run one command that has to succeed. Raises a SeatrialError that explains git's refusal."""
        result = self.attempt(*args, stdin=stdin, env=env, settings=settings)
        if result.status != 0:
            raise explain(result.err, where=shown(str(self.folder)), action=args[0])
        return result

    def resolve(self, *names: str) -> tuple[str | None, ...]:
        """Object ids of revisions such as `main^{commit}` or `HEAD:README.md`; None for each that there isn't."""
        asked = [name for name in names if name and "\n" not in name]
        out = self.run("cat-file", "--batch-check", stdin="".join(f"{n}\n" for n in asked).encode(*_UTF8)).out
        found = {
            name: match[1].decode() if (match := _OBJECT.fullmatch(line)) else None
            for name, line in zip(asked, out.split(b"\n"), strict=False)
        }
        return tuple(found.get(name) for name in names)

    def files(self, tree: str, folder: str = ".") -> tuple[Entry, ...]:
        """All files of `tree` at or below `folder`, with paths from the tree's root, in git's order."""
        path = () if folder == "." else ("--", f"{folder}/")
        listed = self.run("--literal-pathspecs", "ls-tree", "-r", "-z", "--full-tree", tree, *path).out
        return tuple(_entry(line) for line in listed.split(b"\0") if line)

    def differences(self, before: str, after: str) -> tuple[Difference, ...]:
        """Every path that differs between two trees; a renamed file is one removed and one added."""
        args = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none")
        fields = self.run(*args, before, after).out.split(b"\0")
        return tuple(_difference(raw, path) for raw, path in zip(fields[::2], fields[1::2], strict=False))

    def blobs(self, oids: Sequence[str]) -> dict[str, bytes]:
        """The contents of blobs, read by one process; objects that are missing are left out."""
        wanted = tuple(dict.fromkeys(oids))
        if not wanted:
            return {}
        out = self.run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode()).out
        return _split_batch(out)

    def names(self, tree: str, folder: str) -> tuple[str, ...]:
        """The names of what a folder of a tree holds; none if there is no such folder."""
        found = self.attempt("ls-tree", "-z", "--name-only", f"{tree}:{folder}")
        return tuple(decode(name) for name in found.out.split(b"\0") if name) if found.status == 0 else ()

    def read(self, tree: str, path: str) -> bytes | None:
        """The contents of one file of a tree, None if there is no such file."""
        found = self.attempt("cat-file", "blob", f"{tree}:{path}")
        return found.out if found.status == 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The repository that holds a project.

    Attributes:
        git: git in the repository's top folder.
        top: top folder of the working tree.
        git_dir: git's folder of this working tree (of its own in a linked worktree).
        common: git's folder that all working trees share.
        project: the project's folder, relative to `top`, with slashes; `.` for the top itself.
        shallow: whether the history is cut off (`git clone --depth`).
    """

    git: Git
    top: Path
    git_dir: Path
    common: Path
    project: str
    shallow: bool

    def within(self, path: str) -> str:
        """A path of the project, counted from the top of the repository."""
        return path if self.project == "." else f"{self.project}/{path}"

    @property
    def url(self) -> str:
        """Where it came from (the remote `origin`), without a name and password in it; empty if that is not known."""
        found = self.git.attempt("remote", "get-url", "origin").text
        return re.sub(r"^([a-z+]+://)[^/@]*@", r"\1", shown(found))

    def outside(self, path: str) -> bool:
        """Whether a path counted from the top is outside the project."""
        return self.project != "." and not path.startswith(f"{self.project}/")

    def relative(self, path: str) -> str:
        """A path counted from the top of the repository, counted from the project instead."""
        return path if self.project == "." else path.removeprefix(f"{self.project}/")


class TreeFiles:
    """The files of a project in one tree, without checking it out: each is read as it is asked for."""

    def __init__(self, repository: Repository, tree: str) -> None:
        self._repository = repository
        self._tree = tree
        self._read: dict[str, bytes | None] = {}

    def read(self, path: str) -> bytes | None:
        """The contents of a file, counted from the project."""
        if path not in self._read:
            self._read[path] = self._repository.git.read(self._tree, self._repository.within(path))
        return self._read[path]

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder."""
        return self._repository.git.names(self._tree, self._repository.within(folder))


def open_repository(project: Path, *, environ: Mapping[str, str] | None = None) -> Repository:
    """The repository that holds the folder `project`.

    Raises:
        UsageError: no such folder, not in a working tree of git, or git refuses to work there.
    """
    if not project.is_dir():
        raise UsageError("no such folder", where=str(project), remedy="give the folder that holds seatrial.yaml")
    folder = project.resolve()
    git = Git(folder) if environ is None else Git(folder, environ)
    asked = ("--is-shallow-repository", "--path-format=absolute", "--git-dir", "--git-common-dir", "--show-toplevel")
    lines = git.run("rev-parse", *asked).text.split("\n")
    if len(lines) != len(asked) - 1:
        raise UsageError("the path of the repository contains a line break", where=shown(str(folder)))
    shallow, git_dir, common, top = lines
    root = Path(top).resolve()
    return Repository(
        git=Git(root, git.environ),
        top=root,
        git_dir=Path(git_dir),
        common=Path(common),
        project=folder.relative_to(root).as_posix(),
        shallow=shallow == "true",
    )


_UTF8: Final = ("utf-8", "surrogateescape")


def decode(raw: bytes) -> str:
    """Git's bytes as text, undecodable ones kept as surrogates."""
    return raw.decode(*_UTF8)


def encode(text: str) -> bytes:
    """The bytes that `decode` made `text` from."""
    return text.encode(*_UTF8)


def shown(path: str) -> str:
    r"""A path fit for people and JSON: bytes that are no text appear as `\xe9`."""
    return encode(path).decode("utf-8", "backslashreplace")


def _entry(line: bytes) -> Entry:
    head, path = line.split(b"\t", 1)
    mode, _, oid = head.decode().split(" ")
    return Entry(mode, oid, decode(path))


def _difference(raw: bytes, path: bytes) -> Difference:
    mode_before, mode_after, before, after, _ = raw.decode().removeprefix(":").split(" ")
    name = decode(path)
    return Difference(
        name,
        Entry(mode_before, before, name) if int(mode_before, 8) else None,
        Entry(mode_after, after, name) if int(mode_after, 8) else None,
    )


def _split_batch(out: bytes) -> dict[str, bytes]:
    blobs: dict[str, bytes] = {}
    at = 0
    while at < len(out):
        end = out.index(b"\n", at)
        header, at = out[at:end], end + 1
        match = _OBJECT.fullmatch(header)
        if match:
            size = int(match[3])
            blobs[match[1].decode()] = out[at : at + size]
            at += size + 1
    return blobs
