"""The forge that every repository has: git itself, so that `seatrial trial --publish` is of use before there is a server.

A pull request is a local branch beside the default branch. Everything is in files below `seatrial/forge/` in git's own
folder (`git rev-parse --git-common-dir`), which no commit, push or clone takes along:

    pulls/7/pull.json     the branch, its newest commit that was seen ahead, and whose comments these are
    pulls/7/3.md          the comment 3, to be read with any viewer
    checks/COMMIT.json    the checks of a commit

Pull requests are numbered in the order in which their branches were first asked for; a number is never given twice, and a
branch keeps its own. `refs/seatrial/pulls/7/head` names the branch to git. The local account is git's `user.email`.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from seatrial.adapters.forge.local_files import LocalComment, LocalPull, read_pull, write_check, write_pull
from seatrial.files import write_whole
from seatrial.forge.remote import parse_remote
from seatrial.records import (
    Check,
    ForgeLimits,
    PermanentError,
    Permission,
    PostedComment,
    PullRequest,
    PullState,
    UsageError,
)
from seatrial.trial.change.git import Repository, open_repository
from seatrial.trial.change.versions import default_branch

_LIMITS: Final = ForgeLimits(comment=1_000_000)
_NOBODY: Final = "nobody"


class LocalForge:
    """Pull requests of one git repository, in it; implements `seatrial.ports.Forge`.

    Safe between threads and processes. The repository answers to its name, to that of its remote `origin`, and to
    `local/FOLDER`; of any other it knows no pull requests.

    Args:
        repository: a folder of the working tree.
        name: how the caller calls it.
    """

    def __init__(self, repository: Path, *, name: str = "") -> None:
        self._folder = repository
        self._name = name

    @property
    def repository(self) -> str:
        """Name of the repository."""
        return self._names(self._git())[0]

    @property
    def limits(self) -> ForgeLimits:
        """A million bytes of comment, which editors still open at once."""
        return _LIMITS

    def number_of(self, branch: str = "") -> int | None:
        """Number of the pull request of a branch, by default of the one that is checked out; a new one if need be.

        None for the default branch, and where no branch is checked out.
        """
        repository = self._git()
        name = branch or repository.git.attempt("symbolic-ref", "--quiet", "--short", "HEAD").text
        if not name or name == _main(repository)[0]:
            return None
        if repository.git.resolve(f"refs/heads/{name}^{{commit}}")[0] is None:
            raise PermanentError(f"there is no branch {name}", where=str(repository.top))
        with self._locked(repository) as root:
            pulls = {path.name: read_pull(path) for path in _folders(root)}
            known = next((int(number) for number, pull in pulls.items() if pull.branch == name), None)
            if known is not None:
                return known
            number = max((int(each) for each in pulls), default=0) + 1
            draft = root / "pulls" / ".draft"  # a crash leaves no folder that has a number and no branch
            draft.mkdir(parents=True, exist_ok=True)
            write_pull(draft, LocalPull(branch=name))
            repository.git.run("symbolic-ref", self.fetch_ref(number), f"refs/heads/{name}")
            draft.rename(root / "pulls" / str(number))
            return number

    def pull(self, repository: str, number: int) -> PullRequest:
        """A branch as it is now; merged once its commits are in the default branch, closed once it is deleted unmerged."""
        found = self._git()
        base_ref, base = _main(found)
        with self._pull(found, repository, number) as (folder, pull):
            tip = found.git.resolve(f"refs/heads/{pull.branch}^{{commit}}")[0]
            head = tip or pull.head
            if tip is not None and tip != pull.head and not _within(found, tip, base):
                pull.head = tip
                write_pull(folder, pull)
        title, author = _described(found, head)
        return PullRequest(
            repository=repository,
            number=number,
            state=_state(found, tip, pull.head, base),
            title=title,
            author=author,
            head=head,
            base=base,
            head_ref=pull.branch,
            base_ref=base_ref,
            head_repository=repository,
            url=folder.as_uri(),
        )

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """Its comments, the oldest first."""
        found = self._git()
        with self._pull(found, repository, number) as (folder, pull):
            account = self._account(found)
            return [_posted(folder, comment, account) for comment in pull.comments]

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """Add a comment: a file of Markdown."""
        found = self._git()
        with self._pull(found, repository, number) as (folder, pull):
            comment = LocalComment(id=pull.next_comment, author=self._account(found))
            _write_text(folder, comment, body)
            pull.next_comment += 1
            pull.comments.append(comment)
            write_pull(folder, pull)
            return _posted(folder, comment, comment.author)

    def edit_comment(self, repository: str, number: int, comment: str, body: str) -> PostedComment:
        """Replace the text of a comment."""
        found = self._git()
        with self._pull(found, repository, number) as (folder, pull):
            there = _comment(pull, repository, number, comment)
            _write_text(folder, there, body)
            return _posted(folder, there, self._account(found))

    def delete_comment(self, repository: str, number: int, comment: str) -> None:
        """Remove a comment; one that is gone already is no error."""
        found = self._git()
        with self._pull(found, repository, number) as (folder, pull):
            pull.comments = [each for each in pull.comments if str(each.id) != comment]
            write_pull(folder, pull)
            if comment.isdecimal():
                (folder / f"{comment}.md").unlink(missing_ok=True)

    def acknowledge(self, repository: str, number: int, comment: str) -> None:
        """Keep that it was read."""
        found = self._git()
        with self._pull(found, repository, number) as (folder, pull):
            there = _comment(pull, repository, number, comment)
            there.reactions = sorted({*there.reactions, "eyes"})
            write_pull(folder, pull)

    def set_check(self, check: Check) -> None:
        """Keep it beside the commit's others."""
        repository = self._git()
        with self._locked(repository) as root:
            write_check(root / "checks", check)

    def permission(self, repository: str, account: str) -> Permission:
        """The local account may everything, and there is no other."""
        del repository
        return Permission.ADMIN if account == self._account(self._git()) else Permission.NONE

    def clone_url(self, repository: str) -> str:
        """Its folder."""
        del repository
        return str(self._git().common)

    def fetch_ref(self, number: int) -> str:
        """A name of the branch that moves with it."""
        return f"refs/seatrial/pulls/{number}/head"

    def git_header(self, repository: str) -> str:
        """None is needed."""
        del repository
        return ""

    def _git(self) -> Repository:
        return open_repository(self._folder)

    def _account(self, repository: Repository) -> str:
        return repository.git.attempt("config", "--get", "user.email").text or _NOBODY

    def _names(self, repository: Repository) -> Sequence[str]:
        remote = parse_remote(repository.git.attempt("config", "--get", "remote.origin.url").text)
        known = (self._name, "" if remote is None else remote.repository, f"local/{repository.top.name}")
        return [name for name in known if name]

    @contextmanager
    def _locked(self, repository: Repository) -> Iterator[Path]:
        """The folder, for one process and thread at a time."""
        root = repository.common / "seatrial" / "forge"
        root.mkdir(parents=True, exist_ok=True)
        with (root / "lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield root

    @contextmanager
    def _pull(self, found: Repository, repository: str, number: int) -> Iterator[tuple[Path, LocalPull]]:
        with self._locked(found) as root:
            folder = root / "pulls" / str(number)
            if repository not in self._names(found) or not folder.is_dir():
                raise PermanentError(
                    "there is no such pull request",
                    where=f"{repository} {number}",
                    remedy="a branch gets its number by `seatrial trial --publish`",
                )
            yield folder, read_pull(folder)


def _folders(root: Path) -> Sequence[Path]:
    return [path for path in (root / "pulls").glob("*") if path.name.isdecimal()]


def _main(repository: Repository) -> tuple[str, str]:
    """Name and commit of the default branch, the local one where there is one."""
    try:
        branch = default_branch(repository)
    except UsageError:
        return "", ""
    name = branch.name.removeprefix("origin/")
    return name, repository.git.resolve(f"refs/heads/{name}^{{commit}}")[0] or branch.commit


def _within(repository: Repository, commit: str, branch: str) -> bool:
    return bool(branch) and repository.git.attempt("merge-base", "--is-ancestor", commit, branch).status == 0


def _state(repository: Repository, tip: str | None, ahead: str, base: str) -> PullState:
    """`ahead`: newest commit of it that was seen outside the default branch; empty if none was."""
    if ahead and _within(repository, ahead, base):
        return PullState.MERGED
    return PullState.CLOSED if tip is None else PullState.OPEN


def _described(repository: Repository, commit: str) -> tuple[str, str]:
    """Subject and author's address of a commit."""
    if not commit:
        return "", ""
    told = repository.git.attempt("log", "-1", "--format=%ae%n%s", commit).text.split("\n")
    return told[1] if len(told) > 1 else "", told[0]


def _comment(pull: LocalPull, repository: str, number: int, comment: str) -> LocalComment:
    there = next((each for each in pull.comments if str(each.id) == comment), None)
    if there is None:
        raise PermanentError("there is no such comment", where=f"{repository} {number} comment {comment}")
    return there


def _posted(folder: Path, comment: LocalComment, account: str) -> PostedComment:
    file = folder / f"{comment.id}.md"
    return PostedComment(
        id=str(comment.id),
        author=comment.author,
        body=file.read_bytes().decode(),
        url=file.as_uri(),
        own=comment.author == account,
    )


def _write_text(folder: Path, comment: LocalComment, body: str) -> None:
    data = body.encode()
    if len(data) > _LIMITS.comment:
        raise PermanentError(f"the comment has {len(data)} bytes, more than {_LIMITS.comment}", where=str(folder))
    write_whole(folder / f"{comment.id}.md", data)
