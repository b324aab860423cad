"""Finds what a trial is about: two versions of the project and the files between them, sorted into axes.

Also makes the mixed versions that attribution needs: the baseline with only some axes' files from the candidate.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from seatrial.records import Axis, AxisChange, Change, FileChange, UsageError, Version
from seatrial.trial.change import dvc, trees
from seatrial.trial.change.axes import Sorter, sorter
from seatrial.trial.change.git import Difference, Entry, Repository, shown
from seatrial.trial.change.versions import choose_baseline, choose_candidate

EMPTY: Final = "none"
_VERSION_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a version is made of: a file of git, what a DVC pointer points to, or a registered artifact.

    `stamp` tells its states apart, `digest` is what is shown; `pointer` is the file that names it, if DVC does.
    """

    path: str
    axis: Axis
    digest: str
    stamp: str
    pointer: str | None = None
    registered: bool = False


@dataclass(frozen=True, slots=True)
class Laid:
    """Files of a registered version that lie over a tree: at which path, and the digest of the file or folder."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class State:
    """Everything in the project in one tree, by path, and what could not be read of it."""

    items: Mapping[str, Item]
    notes: tuple[str, ...] = ()

    def under(self, laid: Laid | None) -> "State":
        """The same with the files of a registered version in place of what is at their path."""
        if laid is None:
            return self
        kept = {path: item for path, item in self.items.items() if not f"{path}/".startswith(f"{laid.path}/")}
        replaced = self.items.get(laid.path)
        item = Item(
            path=laid.path,
            axis=Axis.MODEL,
            digest=laid.digest,
            stamp=f"registered {laid.digest}",
            pointer=replaced.pointer if replaced else None,
            registered=True,
        )
        return State({**kept, laid.path: item}, self.notes)


def find_change(
    repository: Repository,
    *,
    base: str | None = None,
    head: str | None = None,
    overlay: str | None = None,
    axes: Mapping[Axis, Sequence[str]] = MappingProxyType({}),
    config_base: str | None = None,
) -> Change:
    """The change under trial.

    Args:
        repository: where the project lies.
        base: revision or URL from the command line; wins over everything.
        head: revision, or None or `WORKTREE` for the working tree.
        overlay: the configuration's overlay folder, counted from the project.
        axes: the configuration's patterns per axis, tried before the defaults.
        config_base: the configuration's revision or URL; wins over the overlay.

    Raises:
        UsageError: no such revision or folder, or nothing to compare with.
    """
    paths = sorter(axes)
    candidate = choose_candidate(repository, head)
    baseline = choose_baseline(repository, candidate.version, base=base, config_base=config_base, overlay=overlay)
    change = Change(
        project=shown(repository.project),
        baseline=baseline.version,
        candidate=candidate.version,
        notes=baseline.notes + candidate.notes,
    )
    return _with_files(repository, change, paths, (None, None))


def change_between(
    repository: Repository,
    baseline: Version,
    candidate: Version,
    *,
    laid: tuple[Laid | None, Laid],
    axes: Mapping[Axis, Sequence[str]] = MappingProxyType({}),
    notes: tuple[str, ...] = (),
) -> Change:
    """The change from one registered version to another.

    Args:
        repository: where the project lies.
        baseline: where that version runs; without a tree where there is nothing to compare with.
        candidate: where that version runs.
        laid: the registered files of each; they belong to the axis of the model, wherever they lie.
        axes: the configuration's patterns per axis, tried before the defaults.
        notes: on how the two were chosen.
    """
    change = Change(project=shown(repository.project), baseline=baseline, candidate=candidate, notes=notes)
    if baseline.tree is None:
        nothing = State({})
        alone = nothing.under(laid[1])
        files = tuple(_changed_items(nothing, alone))
        return replace(change, axes=(_axis_change(Axis.MODEL, files, nothing, alone),))
    return _with_files(repository, change, sorter(axes), laid)


def mixed_tree(repository: Repository, baseline: str, candidate: str, axes: Collection[Axis], paths: Sorter) -> str:
    """The baseline's tree with just the files of these axes from the candidate (added, modified and removed ones).

    Only files of the project move. A DVC file that speaks for several axes moves once all of them are chosen.
    """
    inside = [each for each in repository.git.differences(baseline, candidate) if not repository.outside(each.path)]
    pointers = any(dvc.is_pointer(each.path) for each in inside)
    moved = _axes_of_pointers(*_states(repository, (baseline, candidate), paths)) if pointers else {}
    chosen = [each for each in inside if _axes_of(repository.relative(each.path), paths, moved) <= set(axes)]
    return trees.edit(repository, baseline, chosen)


def mixed_version(
    repository: Repository,
    change: Change,
    axes: Collection[Axis],
    patterns: Mapping[Axis, Sequence[str]] = MappingProxyType({}),
) -> Version:
    """The version `baseline+data` (and so on) of a change: `mixed_tree` of its two versions.

    Raises:
        UsageError: the baseline is a URL, which has no files to mix.
    """
    if change.baseline.tree is None or change.candidate.tree is None:
        raise UsageError(
            "attribution needs the baseline's files, and this baseline is a URL",
            where="--attribute",
            remedy="give a revision: `--base REV`",
        )
    names = [axis.value for axis in Axis if axis in axes]
    tree = mixed_tree(repository, change.baseline.tree, change.candidate.tree, axes, sorter(patterns))
    return Version(
        name="+".join(["baseline", *names]),
        tree=tree,
        described=f"baseline with the candidate's {' and '.join(names) or 'nothing'}",
        dirty=change.baseline.dirty or change.candidate.dirty,
    )


def _with_files(repository: Repository, change: Change, paths: Sorter, laid: tuple[Laid | None, Laid | None]) -> Change:
    """The change with what differs between its two trees; as it is where one of them has no tree."""
    before, after = change.baseline.tree, change.candidate.tree
    if before is None or after is None:
        return change
    differences = [each for each in repository.git.differences(before, after) if not trees.is_own(each.path)]
    inside = [each for each in differences if not repository.outside(each.path)]
    outside = len(differences) - len(inside)
    if not inside and laid == (None, None):
        return replace(change, notes=(*change.notes, *_notes_on_extent(repository, 0, outside)))
    old, new = _states(repository, (before, after), paths)
    states = old.under(laid[0]), new.under(laid[1])
    files = [*_changed_items(*states), *_changed_pointers(repository, inside, *states)]
    found = tuple(_axis_change(axis, files, *states) for axis in Axis)
    notes = [*_notes_on_extent(repository, len(files), outside)]
    notes += [*old.notes, *(note for note in new.notes if note not in old.notes)]
    notes += _notes_on_shared_pointers(*states)
    return replace(change, axes=tuple(each for each in found if each.files), notes=(*change.notes, *notes))


def _notes_on_extent(repository: Repository, inside: int, outside: int) -> Iterable[str]:
    if not inside and not outside:
        yield "baseline and candidate have the same files, so every difference that is measured is chance"
    if outside:
        files = "1 changed file" if outside == 1 else f"{outside} changed files"
        yield f"{files} outside {shown(repository.project)} left out of the list"


def _states(repository: Repository, versions: tuple[str, str], paths: Sorter) -> tuple[State, State]:
    """The state of the project in two trees; DVC's pointers of both are read by one process."""
    files = [repository.git.files(tree, repository.project) for tree in versions]
    inside = [[replace(each, path=repository.relative(each.path)) for each in entries] for entries in files]
    pointers = [entry.oid for entries in inside for entry in entries if dvc.is_pointer(entry.path)]
    contents = repository.git.blobs(pointers)
    # Most paths are in both trees, and sorting one costs more than looking it up.
    axis_of = cache(paths.axis)
    before, after = (_state(entries, contents, paths, axis_of) for entries in inside)
    return before, after


def _state(
    entries: Sequence[Entry], contents: Mapping[str, bytes], paths: Sorter, axis_of: Callable[[str], Axis]
) -> State:
    items: dict[str, Item] = {}
    notes: list[str] = []
    pointers: list[Entry] = []
    for entry in entries:
        if trees.is_own(entry.path):
            continue
        if dvc.is_pointer(entry.path) and entry.oid in contents:
            pointers.append(entry)
        else:
            items[entry.path] = _item_of_file(entry, axis_of(entry.path))
    # A lock file repeats what pointers say, so that these go first.
    for entry in sorted(pointers, key=lambda each: each.path.endswith(dvc.LOCK)):
        try:
            for target in dvc.targets(entry.path, contents[entry.oid]):
                items.setdefault(target.path, _item_of_target(target, entry, paths))
        except dvc.MalformedPointerError as error:
            notes.append(f"{shown(entry.path)} is taken as an ordinary file: {error}")
            items[entry.path] = _item_of_file(entry, axis_of(entry.path))
    return State(items, tuple(notes))


def _item_of_file(entry: Entry, axis: Axis) -> Item:
    return Item(entry.path, axis, entry.oid, f"{entry.mode} {entry.oid}")


def _item_of_target(target: dvc.Target, pointer: Entry, paths: Sorter) -> Item:
    axis = paths.target(target.path, folder=target.folder)
    return Item(target.path, axis, target.digest, f"dvc {target.digest}", pointer.path)


def _changed_items(before: State, after: State) -> Iterable[FileChange]:
    for path in sorted({**before.items, **after.items}):
        old, new = before.items.get(path), after.items.get(path)
        if old is None or new is None or old.stamp != new.stamp:
            yield _file_change(path, old, new)


def _file_change(path: str, old: Item | None, new: Item | None) -> FileChange:
    item = new or old
    if item is None:
        raise ValueError("a changed path is on one side at least")
    return FileChange(
        path=shown(path),
        status=_status(there_before=old is not None, there_after=new is not None),
        axis=item.axis,
        baseline_digest=old.digest if old else None,
        candidate_digest=new.digest if new else None,
    )


def _status(*, there_before: bool, there_after: bool) -> Literal["added", "removed", "modified"]:
    if there_before and there_after:
        return "modified"
    return "removed" if there_before else "added"


def _changed_pointers(
    repository: Repository, inside: Iterable[Difference], before: State, after: State
) -> Iterable[FileChange]:
    """Pointer files that differ although nothing that they point to does: a stage's command, a comment."""
    moved = _axes_of_pointers(before, after)
    for each in inside:
        path = repository.relative(each.path)
        if dvc.is_pointer(path) and path not in moved and path not in before.items and path not in after.items:
            yield FileChange(
                path=shown(path),
                status=_status(there_before=each.before is not None, there_after=each.after is not None),
                axis=Axis.OTHER,
                baseline_digest=each.before.oid if each.before else None,
                candidate_digest=each.after.oid if each.after else None,
            )


def _axes_of_pointers(before: State, after: State) -> Mapping[str, frozenset[Axis]]:
    """For each pointer file of which a target changed, the axes of those targets."""
    axes: dict[str, set[Axis]] = {}
    for path in {**before.items, **after.items}:
        old, new = before.items.get(path), after.items.get(path)
        if old and new and old.stamp == new.stamp:
            continue
        for item in (old, new):
            if item and item.pointer:
                axes.setdefault(item.pointer, set()).add(item.axis)
    return {path: frozenset(found) for path, found in axes.items()}


def _axes_of(path: str, paths: Sorter, moved: Mapping[str, frozenset[Axis]]) -> frozenset[Axis]:
    if path in moved:
        return moved[path]
    return frozenset({Axis.OTHER if dvc.is_pointer(path) else paths.axis(path)})


def _notes_on_shared_pointers(before: State, after: State) -> Iterable[str]:
    for path, axes in sorted(_axes_of_pointers(before, after).items()):
        if len(axes) > 1:
            names = " and ".join(axis.value for axis in Axis if axis in axes)
            yield f"{shown(path)} speaks for {names} together, so attribution can't move them one by one"


def _axis_change(axis: Axis, files: Iterable[FileChange], before: State, after: State) -> AxisChange:
    return AxisChange(
        axis=axis,
        files=tuple(each for each in files if each.axis is axis),
        baseline_version=_version(axis, before),
        candidate_version=_version(axis, after),
    )


def _version(axis: Axis, state: State) -> str:
    """What identifies the axis's whole state.

    DVC's md5 or the digest of a registered artifact if that is all of it, else a short SHA-256.
    """
    items = sorted((item for item in state.items.values() if item.axis is axis), key=lambda item: item.path)
    if not items:
        return EMPTY
    if len(items) == 1 and (items[0].pointer or items[0].registered):
        return items[0].digest.removeprefix("sha256:")
    digest = hashlib.sha256()
    for item in items:
        digest.update(f"{item.stamp} {shown(item.path)}\0".encode())
    return digest.hexdigest()[:_VERSION_LENGTH]
