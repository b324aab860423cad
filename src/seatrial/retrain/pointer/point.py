"""The order of things: DVC first, so that a commit never names bytes that nobody can get; then git."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from seatrial.ports import Clock
from seatrial.records import DataPointer, DatasetVersion, DvcSpec, TemporaryError
from seatrial.retrain.pointer.branch import Branch, open_branch
from seatrial.retrain.pointer.checkout import Checkout
from seatrial.retrain.pointer.commit import Made, find, make, refuse_others, standing
from seatrial.retrain.pointer.dvc import Dvc, open_dvc
from seatrial.retrain.pointer.place import Place, md5_of, place_of
from seatrial.trial.build.locks import hold
from seatrial.trial.change.git import Repository, open_repository

_TRIES: Final = 8
_PAUSE_SECONDS: Final = 0.2
_LOCK: Final = "seatrial-pointer.lock"


def point(
    spec: DvcSpec,
    data: Path,
    version: DatasetVersion,
    *,
    project: Path,
    environ: Mapping[str, str],
    log: Path,
    clock: Clock,
    stop: Callable[[], bool] = lambda: False,
) -> DataPointer:
    """Keep a version by DVC: add it, push its bytes, commit its pointer and push that, as far as `spec` asks for it.

    Done again for the same version and run it finds what it did before.

    Args:
        spec: where, and how much of it.
        data: all rows of the version, in one file.
        version: what it is.
        project: folder that holds `seatrial.yaml`, in a repository of git and of DVC.
        environ: of the caller; git and DVC find their credentials in it.
        log: of DVC's output; secrets are masked.
        clock: for waiting.
        stop: whether to end; asked all the time. It may raise.

    Raises:
        UsageError: there is no DVC or no repository, or something stands in the way that a person has to decide on: a file
            that nobody keeps, a pointer that somebody else changed, a branch that may not be pushed to.
        TemporaryError: a remote doesn't answer, somebody holds a lock, or it was stopped.
    """
    repository = open_repository(project, environ=environ)
    place = place_of(spec.path, project, repository)
    dvc = open_dvc(project, repository, log=log, clock=clock, stop=stop)
    checkout = Checkout(repository, place, clock)
    with hold(repository.git_dir / _LOCK, clock, dvc.check) as held:
        pointing = _Pointing(spec, data, version, repository, place, replace(dvc, held=held), checkout, clock)
        return pointing.with_commit() if spec.commit else pointing.without_commit()


@dataclass(frozen=True, slots=True)
class _Pointing:
    """One version on its way into a repository."""

    spec: DvcSpec
    data: Path
    version: DatasetVersion
    repository: Repository
    place: Place
    dvc: Dvc
    checkout: Checkout
    clock: Clock

    def without_commit(self) -> DataPointer:
        """The pointer is left in the working tree, for somebody else to commit."""
        md5 = md5_of(self.data)
        self._add(md5)
        return DataPointer(file=self.place.pointer, digest=f"md5:{md5}")

    def with_commit(self) -> DataPointer:
        """The pointer is committed, unless that was done before."""
        branch = open_branch(self.repository, self.spec, self.checkout)
        tip = branch.tip()
        done = find(self.repository.git, tip, self.place, self.version)
        if done is None:
            refuse_others(self.repository.git, tip, self.place, self.version)
            done = self._committed(branch)
        self.checkout.settle(done, branch.name)
        pushed = self.spec.push and self.spec.git_push
        return DataPointer(file=self.place.pointer, digest=f"md5:{done.md5}", commit=done.commit, pushed=pushed)

    def _committed(self, branch: Branch) -> Made:
        md5 = md5_of(self.data)
        self.checkout.refuse_uncommitted(md5)
        with self._put_back_on_failure(md5):
            self._add(md5)
            return self._published(branch, md5)

    @contextmanager
    def _put_back_on_failure(self, md5: str) -> Iterator[None]:
        """A pointer that was not committed would stand in the way of the next run."""
        try:
            yield
        except BaseException:
            self.checkout.put_back(md5)
            raise

    def _add(self, md5: str) -> None:
        laid = self.checkout.lay(self.data, md5, self.dvc)
        try:
            self.dvc.add(self.place.path)
        except BaseException:
            if laid:
                self.checkout.take_away()
            raise
        if self.spec.push:
            self.dvc.push(f"{self.place.path}.dvc", self.spec.remote)

    def _published(self, branch: Branch, md5: str) -> Made:
        """The commit on its branch: where that moved on meanwhile, the commit is made anew on what is there by then."""
        git = self.repository.git
        pointer, ignored = self.checkout.written()
        for attempt in range(_TRIES):
            if attempt:
                self.clock.sleep(_PAUSE_SECONDS * 2**attempt)
                self.dvc.check()
            tip = branch.tip()
            there = find(git, tip, self.place, self.version) or standing(git, tip, self.place, md5)
            if there is not None:
                return there
            made = make(self.repository, tip, self.place, self.version, pointer, ignored=ignored)
            if branch.publish(made):
                return made
        raise TemporaryError(
            f"{branch.shown} moved on {_TRIES} times while {self.version.id} was to be committed",
            where=self.place.pointer,
            remedy="run it again when fewer others push to it; nothing is lost",
        )
