"""A forge that is simulated: the shipped fake of the Forge port, see `seatrial.testing`.

It keeps what a real forge keeps (pull requests, comments with their authors, checks of commits, who may do what), is as
strict as a real one about sizes, and can be told to fail: before it does what it is asked, or after, when only the answer
gets lost. Several accounts can share one forge (`as_account`).
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from seatrial.records import (
    Check,
    CheckPhase,
    ForgeLimits,
    PermanentError,
    Permission,
    PostedComment,
    PullRequest,
    PullState,
    SeatrialError,
)

MAX_TITLE = 140
Result = TypeVar("Result")
_RIGHTS = {
    "create_comment": "comments: write",
    "edit_comment": "comments: write",
    "delete_comment": "comments: write",
    "acknowledge": "comments: write",
    "set_check": "checks: write",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeFault:
    """A failure that one call of a forge shall meet.

    Attributes:
        call: name of the port's method.
        error: that it raises.
        times: how often; None: from now on, always.
        late: whether the forge has done it by then, so that only the answer is lost.
    """

    call: str
    error: SeatrialError
    times: int | None = 1
    late: bool = False


@dataclass(slots=True)
class _State:
    """What all accounts of one forge share."""

    pulls: dict[tuple[str, int], PullRequest] = field(default_factory=dict)
    comments: dict[tuple[str, int], list[PostedComment]] = field(default_factory=lambda: defaultdict(list))
    checks: dict[tuple[str, str], dict[str, Check]] = field(default_factory=lambda: defaultdict(dict))
    history: list[Check] = field(default_factory=list)
    permissions: dict[tuple[str, str], Permission] = field(default_factory=dict)
    acknowledged: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    faults: list[ForgeFault] = field(default_factory=list)
    ids: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)


class MemoryForge:
    """A Forge without a network. Safe to use from many threads; each call happens whole or not at all.

    Args:
        account: of the token.
        limits: what it takes at most; more of it is refused with a PermanentError, as by a real one.
        tells_own: whether its comments say which are the account's own.
        may_write: whether the token has the rights to comment and to set checks.
        before: called with the name of each call before it happens, for tests that decide who comes first.

    Example:
        forge = MemoryForge()
        forge.open_pull("ship/wine", 7, head="c1")
        forge.create_comment("ship/wine", 7, "hello")
    """

    def __init__(
        self,
        account: str = "seatrial-bot",
        *,
        limits: ForgeLimits | None = None,
        tells_own: bool = True,
        may_write: bool = True,
        before: Callable[[str], None] | None = None,
    ) -> None:
        self.account = account
        self._limits = limits or ForgeLimits()
        self._tells_own = tells_own
        self._may_write = may_write
        self._before = before or (lambda _call: None)
        self._state = _State()

    def as_account(
        self, account: str, *, may_write: bool = True, before: Callable[[str], None] | None = None
    ) -> "MemoryForge":
        """The same forge as another token sees it."""
        other = MemoryForge(account, limits=self._limits, tells_own=self._tells_own, may_write=may_write, before=before)
        other._state = self._state
        return other

    # What people do there.

    def open_pull(
        self,
        repository: str,
        number: int,
        *,
        head: str,
        base: str = "base",
        author: str = "alice",
        head_repository: str | None = None,
        labels: tuple[str, ...] = (),
    ) -> PullRequest:
        """Open a pull request; its commits are in `repository` unless it is told otherwise."""
        pull = PullRequest(
            repository=repository,
            number=number,
            state=PullState.OPEN,
            title=f"Pull request {number}",
            author=author,
            head=head,
            base=base,
            head_ref="feature",
            base_ref="main",
            head_repository=repository if head_repository is None else head_repository,
            url=f"https://forge.example/{repository}/pulls/{number}",
            labels=labels,
        )
        self.put_pull(pull)
        return pull

    def put_pull(self, pull: PullRequest) -> None:
        """Let a pull request be as said: open another, close, label or draft one."""
        with self._state.lock:
            self._state.pulls[pull.repository, pull.number] = pull

    def push(self, repository: str, number: int, head: str) -> None:
        """Add a commit to a pull request, which is then its newest."""
        with self._state.lock:
            self.put_pull(replace(self._found(repository, number), head=head))

    def say(self, repository: str, number: int, author: str, body: str) -> PostedComment:
        """Somebody comments."""
        with self._state.lock:
            self._found(repository, number)
            return self._seen(self._add(repository, number, author, body))

    def grant(self, repository: str, account: str, permission: Permission) -> None:
        """Let an account do something in a repository."""
        with self._state.lock:
            self._state.permissions[repository, account] = permission

    def fail(self, call: str, error: SeatrialError, *, times: int | None = 1, late: bool = False) -> None:
        """Let the next `times` calls of `call` raise `error`; see `ForgeFault`."""
        with self._state.lock:
            self._state.faults.append(ForgeFault(call=call, error=error, times=times, late=late))

    def heal(self) -> None:
        """Forget the faults that are still to come."""
        with self._state.lock:
            self._state.faults.clear()

    # What is there by now.

    @property
    def calls(self) -> tuple[str, ...]:
        """Names of the port's methods that were called, in order."""
        with self._state.lock:
            return tuple(self._state.calls)

    @property
    def acknowledged(self) -> tuple[str, ...]:
        """Ids of the comments that were acknowledged."""
        with self._state.lock:
            return tuple(self._state.acknowledged)

    @property
    def set_checks(self) -> tuple[Check, ...]:
        """All checks in the order in which they were set."""
        with self._state.lock:
            return tuple(self._state.history)

    def checks(self, repository: str, commit: str) -> Mapping[str, Check]:
        """The checks of a commit by name, as they are now."""
        with self._state.lock:
            return dict(self._state.checks[repository, commit])

    def bodies(self, repository: str, number: int) -> tuple[str, ...]:
        """The texts of a pull request's comments, the oldest first."""
        with self._state.lock:
            return tuple(each.body for each in self._state.comments[repository, number])

    # The port.

    @property
    def limits(self) -> ForgeLimits:
        """What it takes at most."""
        return self._limits

    def pull(self, repository: str, number: int) -> PullRequest:
        """A pull request as it is now."""
        return self._do("pull", lambda: self._found(repository, number))

    def comments(self, repository: str, number: int) -> Sequence[PostedComment]:
        """All comments of a pull request, the oldest first."""

        def read() -> tuple[PostedComment, ...]:
            self._found(repository, number)
            return tuple(self._seen(each) for each in self._state.comments[repository, number])

        return self._do("comments", read)

    def create_comment(self, repository: str, number: int, body: str) -> PostedComment:
        """Add a comment."""

        def create() -> PostedComment:
            self._found(repository, number)
            self._check_body(body)
            return self._seen(self._add(repository, number, self.account, body))

        return self._do("create_comment", create)

    def edit_comment(self, repository: str, number: int, comment: str, body: str) -> PostedComment:
        """Replace the text of a comment."""

        def edit() -> PostedComment:
            index = self._index(repository, number, comment)
            self._check_body(body)
            kept = self._state.comments[repository, number]
            self._check_author(kept[index])
            kept[index] = replace(kept[index], body=body)
            return self._seen(kept[index])

        return self._do("edit_comment", edit)

    def delete_comment(self, repository: str, number: int, comment: str) -> None:
        """Remove a comment; one that is gone already is no error."""

        def delete() -> None:
            kept = self._state.comments[repository, number]
            for each in [each for each in kept if each.id == comment]:
                self._check_author(each)
                kept.remove(each)

        self._do("delete_comment", delete)

    def acknowledge(self, repository: str, number: int, comment: str) -> None:
        """Note that a comment was read."""

        def note() -> None:
            self._index(repository, number, comment)
            if comment not in self._state.acknowledged:
                self._state.acknowledged.append(comment)

        self._do("acknowledge", note)

    def set_check(self, check: Check) -> None:
        """Make the commit's check of this name as said."""

        def set_it() -> None:
            self._check_check(check)
            self._state.checks[check.repository, check.commit][check.name] = check
            self._state.history.append(check)

        self._do("set_check", set_it)

    def permission(self, repository: str, account: str) -> Permission:
        """What an account may do; `none` for one that is not known."""
        return self._do("permission", lambda: self._state.permissions.get((repository, account), Permission.NONE))

    def clone_url(self, repository: str) -> str:
        """URL to fetch from with git."""
        return f"https://forge.example/{repository}.git"

    def fetch_ref(self, number: int) -> str:
        """Git's name of a pull request's newest commit."""
        return f"refs/pull/{number}/head"

    def git_header(self, repository: str) -> str:
        """No header is needed."""
        del repository
        return ""

    def _do(self, call: str, act: Callable[[], Result]) -> Result:
        self._before(call)
        with self._state.lock:
            self._state.calls.append(call)
            fault = self._next_fault(call)
            if fault is not None and not fault.late:
                raise fault.error
            self._check_right(call)
            result = act()
            if fault is not None:
                raise fault.error
            return result

    def _next_fault(self, call: str) -> ForgeFault | None:
        faults = self._state.faults
        index = next((index for index, each in enumerate(faults) if each.call == call), None)
        if index is None:
            return None
        fault = faults[index]
        if fault.times is not None:
            faults[index : index + 1] = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
        return fault

    def _found(self, repository: str, number: int) -> PullRequest:
        pull = self._state.pulls.get((repository, number))
        if pull is None:
            raise PermanentError("There is no such pull request", where=f"{repository}#{number}")
        return pull

    def _add(self, repository: str, number: int, author: str, body: str) -> PostedComment:
        self._state.ids += 1
        url = f"https://forge.example/{repository}/pulls/{number}#comment-{self._state.ids}"
        posted = PostedComment(id=str(self._state.ids), author=author, body=body, url=url)
        self._state.comments[repository, number].append(posted)
        return posted

    def _seen(self, posted: PostedComment) -> PostedComment:
        return replace(posted, own=posted.author == self.account if self._tells_own else None)

    def _index(self, repository: str, number: int, comment: str) -> int:
        self._found(repository, number)
        for index, each in enumerate(self._state.comments[repository, number]):
            if each.id == comment:
                return index
        raise PermanentError("There is no such comment", where=f"{repository}#{number}, comment {comment}")

    def _check_right(self, call: str) -> None:
        if not self._may_write and call in _RIGHTS:
            raise PermanentError(
                f"The token of {self.account} lacks the right {_RIGHTS[call]}",
                remedy=f"use a token that has {_RIGHTS[call]}",
            )

    def _check_author(self, posted: PostedComment) -> None:
        if posted.author != self.account:
            raise PermanentError(
                f"{self.account} may not change a comment of {posted.author}",
                where=posted.url,
                remedy="use a token of the account that wrote it",
            )

    def _check_body(self, body: str) -> None:
        size = len(body.encode())
        if not body.strip() or size > self._limits.comment:
            raise PermanentError(f"A comment has between 1 and {self._limits.comment} bytes, not {size}")

    def _check_check(self, check: Check) -> None:
        done = check.phase is CheckPhase.DONE
        wrong = {
            "its title is too long or empty": not 0 < len(check.title) <= MAX_TITLE,
            "its summary is too long": len(check.summary.encode()) > self._limits.summary,
            "it has too many annotations": len(check.annotations) > self._limits.annotations,
            "it is done without a conclusion, or has one before": done != (check.conclusion is not None),
        }
        for what, is_so in wrong.items():
            if is_so:
                raise PermanentError(f"The check was refused: {what}", where=check.name)
