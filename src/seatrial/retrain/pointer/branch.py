"""The branch that a pointer is committed to: the one that is checked out, or one that others push to as well."""

import re
from typing import Final, Protocol

from seatrial.logs import redact
from seatrial.records import DvcSpec, SeatrialError, TemporaryError, UsageError
from seatrial.retrain.pointer.checkout import Checkout
from seatrial.retrain.pointer.commit import Made
from seatrial.trial.change.git import GitResult, Repository

_SEEN: Final = "refs/seatrial/pointer"
_PATIENT: Final = {"http.lowSpeedLimit": "100", "http.lowSpeedTime": "60"}
_MISSING: Final = "couldn't find remote ref"
_MOVED_ON: Final = re.compile(r"\[rejected\]|failed to update ref|cannot lock ref|remote ref updated since checkout")
_REFUSED: Final = re.compile(r"\[remote rejected\]")
_NOT_ADMITTED: Final = re.compile(
    r"Authentication failed|could not read Username|Permission denied|\b40[13]\b|not found|does not appear to be|No such remote"
)


class Branch(Protocol):
    """Where a commit goes. `name`: of the branch; `shown`: for people."""

    @property
    def name(self) -> str: ...  # noqa: D102 - said above

    @property
    def shown(self) -> str: ...  # noqa: D102 - said above

    def tip(self) -> str:
        """The commit that it stands at now. Raises SeatrialError."""
        ...

    def publish(self, made: Made) -> bool:
        """Move it on to a commit that was made on its tip; False if it moved on by itself meanwhile. Raises SeatrialError."""
        ...


def open_branch(repository: Repository, spec: DvcSpec, checkout: Checkout) -> Branch:
    """The branch that a configuration means. Raises UsageError where there is none."""
    name = (spec.branch if spec.git_push else "") or checkout.branch
    if not name:
        raise UsageError(
            "no branch is checked out, so that the pointer can't be committed",
            where=str(repository.top),
            remedy="check one out, or set dvc.branch and dvc.git_push, or dvc.commit: false",
        )
    if not spec.git_push:
        return LocalBranch(checkout, name)
    remote = repository.git.attempt("config", f"branch.{name}.remote").text or "origin"
    return RemoteBranch(repository, checkout, remote, name)


class LocalBranch:
    """The branch that is checked out."""

    def __init__(self, checkout: Checkout, name: str) -> None:
        self._checkout = checkout
        self.name = name

    @property
    def shown(self) -> str:
        """Its name."""
        return self.name

    def tip(self) -> str:
        """Its last commit."""
        return self._checkout.head

    def publish(self, made: Made) -> bool:
        """Move it, and the checkout with it."""
        return self._checkout.follow(made, self.name)


class RemoteBranch:
    """A branch of a remote, which others move as well."""

    def __init__(self, repository: Repository, checkout: Checkout, remote: str, name: str) -> None:
        self._git = repository.git
        self._checkout = checkout
        self._remote = remote
        self.name = name

    @property
    def shown(self) -> str:
        """As git has it: `origin/main`."""
        return f"{self._remote}/{self.name}"

    def tip(self) -> str:
        """What is there now; where the branch is not there yet, it will begin at what is checked out."""
        seen = f"{_SEEN}/{self.name}"
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        wanted = f"+refs/heads/{self.name}:{seen}"
        done = self._git.attempt("fetch", *options, self._remote, wanted, settings=_PATIENT)
        if _MISSING in done.err:
            return self._checkout.head
        if done.status:
            raise self._unreachable(done, "fetch")
        return self._git.run("rev-parse", seen).text

    def publish(self, made: Made) -> bool:
        """Push it; nothing is ever forced."""
        wanted = f"{made.commit}:refs/heads/{self.name}"
        done = self._git.attempt("push", "--porcelain", self._remote, wanted, settings=_PATIENT)
        if done.status == 0:
            return True
        told = f"{done.text}\n{done.err}"
        if _MOVED_ON.search(told):
            return False
        if _REFUSED.search(told):
            raise UsageError(
                f"{self._remote} does not take the commit of the pointer: {_said(done)}",
                where=self.shown,
                remedy="let the branch be pushed to, or set dvc.branch to one that may be",
            )
        raise self._unreachable(done, "push")

    def _unreachable(self, done: GitResult, action: str) -> SeatrialError:
        if _NOT_ADMITTED.search(done.err):
            return UsageError(
                f"git {action} was refused: {_said(done)}",
                where=self.shown,
                remedy="see that `git push` works there without a question",
            )
        return TemporaryError(f"git {action} failed: {_said(done)}", where=self.shown, remedy="run it again")


def _said(done: GitResult) -> str:
    """Git's own words without logins: what it refused, or the remote's own."""
    lines = [line.strip() for line in (*done.text.splitlines(), *done.err.splitlines()) if line.strip()]
    telling = [line for line in lines if line.startswith(("!", "remote:", "fatal:", "error:"))] or lines[-1:]
    return redact(" ".join(" ".join(telling).split()))[:500]
