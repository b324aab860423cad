"""What to write and what to remove, so that a folder holds what the ref has: pure, and the same for every target."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from seatrial.records import UsageError
from seatrial.sync.listed import listed
from seatrial.sync.paths import folders_above


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncPlan:
    """The steps of one sync, in their order.

    Attributes:
        cleared: removed first, because they are in the way of what is written.
        written: made or replaced.
        removed: removed last, so that code which still runs finds its files as long as possible.
        mended: those of `written` that seatrial wrote before, and that are not as it left them.
    """

    cleared: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.written or self.cleared or self.removed)


def plan_sync(wanted: Mapping[str, str], held: Mapping[str, str]) -> SyncPlan:
    """What makes a folder that holds `held` hold `wanted`; both are digests by path.

    An empty digest in `held` means that something is there, and it is not known what.
    """
    written = [path for path, digest in wanted.items() if held.get(path) != digest]
    gone = sorted(set(held) - set(wanted))
    cleared = _in_the_way(gone, wanted)
    return SyncPlan(
        cleared=tuple(path for path in gone if path in cleared),
        written=tuple(sorted(written)),
        removed=tuple(path for path in gone if path not in cleared),
        mended=tuple(path for path in sorted(written) if held.get(path) == ""),
    )


def check_names(stored: Mapping[str, str]) -> None:
    """Raise UsageError if the target would keep two of the files (path: its name there) in one place."""
    paths: dict[str, list[str]] = defaultdict(list)
    for path, name in sorted(stored.items()):
        paths[name].append(path)
    for name, together in paths.items():
        if len(together) > 1:
            raise UsageError(
                f"{listed(together)} would be one thing in the target: {name}",
                where="sync.paths",
                remedy="rename one of them (a notebook loses its ending there), or take one out with `!PATTERN`",
            )


def check_sizes(sizes: Mapping[str, int], largest: int | None) -> None:
    """Raise UsageError if the target can't take one of the files (path: bytes)."""
    too_large = {path: size for path, size in sizes.items() if largest is not None and size > largest}
    if too_large:
        named = listed([f"{path} ({size:,} bytes)" for path, size in sorted(too_large.items())])
        raise UsageError(
            f"the target takes files of at most {largest:,} bytes: {named}",
            where="sync.paths",
            remedy="take them out with `!PATTERN`; models belong into the registry, data beside the code",
        )


def check_strangers(stored: Mapping[str, str], strangers: Collection[str]) -> None:
    """Raise UsageError if a file that seatrial did not write is where one of the ref's files (path: its name there) goes."""
    names = {*stored.values(), *stored}
    folders = {folder for name in names for folder in folders_above(name)}
    blocking = sorted(
        stranger
        for stranger in strangers
        if stranger in names or stranger in folders or names.intersection(folders_above(stranger))
    )
    if blocking:
        raise UsageError(
            f"seatrial did not write {listed(blocking)}, and the ref has files there",
            where="the target",
            remedy="move them away, or remove them if the ref's are to take their place; nothing was written",
        )


def _in_the_way(gone: Collection[str], wanted: Mapping[str, str]) -> set[str]:
    """What stands where a file or folder goes: under its name, above it or below it, also where case counts for nothing."""
    names = {_same(path) for path in wanted}
    folders = {_same(folder) for path in wanted for folder in folders_above(path)}
    return {
        path
        for path in gone
        if _same(path) in names
        or _same(path) in folders
        or any(_same(folder) in names for folder in folders_above(path))
    }


def _same(path: str) -> str:
    """One text for all spellings that some file system takes for one name."""
    return unicodedata.normalize("NFC", path).casefold()
