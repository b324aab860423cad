"""Control groups: the only honest way to limit and measure a whole process tree.

What a machine offers differs (v1 here, v2 there, read-only in most containers), so nothing is assumed: `detect` tries,
and says in words why it ended up with less. This module holds what both versions share; `cgroup_v1.py` and
`cgroup_v2.py` hold what differs. Sources: the kernel's admin-guide/cgroup-v1 and admin-guide/cgroup-v2.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from seatrial.records import Limits, Resources

FOLDER = "seatrial"
PERIOD_MICROSECONDS = 100_000
_MINIMAL_QUOTA_MICROSECONDS = 1_000
_SAFE_NAME = re.compile(r"[A-Za-z0-9@+_-][A-Za-z0-9@+_.-]{0,199}")
_OCTAL = re.compile(r"\\([0-7]{3})")


class Group(Protocol):
    """The control groups of one cell."""

    @property
    def limits(self) -> Limits:
        """What is enforced and what is not."""
        ...

    @property
    def entries(self) -> Sequence[Path]:
        """The files that a process writes its pid to, to join."""
        ...

    @property
    def measures(self) -> bool:
        """Whether `usage` works."""
        ...

    def usage(self) -> tuple[float, int]:
        """CPU seconds used so far, bytes of memory held now (without the page cache that could be dropped)."""
        ...

    def processes(self) -> Sequence[int]:
        """The pids inside, those in groups below included; zombies are not listed."""
        ...

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process in here for the memory limit."""
        ...

    def remove(self) -> None:
        """Remove the empty groups. Raises OSError (EBUSY) while a process is inside."""
        ...


class Cgroups(Protocol):
    """What this machine offers."""

    @property
    def kind(self) -> str:
        """`cgroup v1`, `cgroup v2` or `none`."""
        ...

    @property
    def controllers(self) -> Sequence[str]:
        """The controllers that can be written."""
        ...

    @property
    def reason(self) -> str:
        """Why something is missing; empty if nothing is."""
        ...

    def create(self, run: str, cell: str, resources: Resources) -> Group | None:
        """Groups for one cell with its limits written; None where there are no cgroups."""
        ...

    def find(self, run: str, cell: str, resources: Resources) -> Group | None:
        """The groups of one cell that an earlier seatrial made, with their limits written again; None if there are none."""
        ...

    def leftovers(self, run: str) -> Sequence[Group]:
        """Groups that a run left behind, also below another cgroup than ours."""
        ...


class ControlFiles:
    """The four operations on a cgroup file system. Tests put an imitation of the kernel in its place."""

    def read(self, path: Path) -> str:
        """The content of a control file; empty if there is no such file."""
        try:
            return path.read_text()
        except FileNotFoundError:
            return ""

    def write(self, path: Path, value: str) -> None:
        """Write a control file in one write. Raises OSError as the kernel does."""
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)

    def make(self, path: Path) -> None:
        """Make a group and those above it; nothing happens if it is there."""
        for _ in range(8):
            # Another cell's end may remove the (then empty) folder of the run in between.
            with suppress(FileNotFoundError):
                path.mkdir(parents=True, exist_ok=True)
                return
        path.mkdir(parents=True, exist_ok=True)

    def remove(self, path: Path) -> None:
        """Remove one group. Raises OSError while it has processes or groups below."""
        path.rmdir()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """One mounted hierarchy: where it is, where this process is in it, and its v1 controllers (empty for v2)."""

    mount: Path
    own: Path
    controllers: frozenset[str]


def hierarchies(proc: Path) -> list[Hierarchy]:
    """The cgroup hierarchies that are mounted, from `mountinfo` and `cgroup` in `proc` (`/proc/self`); see proc(5)."""
    own = _own_paths((proc / "cgroup").read_text())
    found = []
    for line in (proc / "mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind, _, super_options = right.split(" ", 2)
        if kind not in {"cgroup", "cgroup2"}:
            continue
        root, mount = (_unescape(field) for field in left.split()[3:5])
        options = frozenset() if kind == "cgroup2" else frozenset(super_options.split(",")) & own.keys()
        if kind == "cgroup" and not options:
            continue
        path = own.get("" if kind == "cgroup2" else min(options), "/")
        found.append(Hierarchy(mount=Path(mount), own=_below(Path(mount), root, path), controllers=options))
    return found


def _own_paths(text: str) -> dict[str, str]:
    """Controller (empty for v2) to the path of this process."""
    paths = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _below(mount: Path, root: str, path: str) -> Path:
    """The directory of cgroup `path` where only the part of the hierarchy below `root` is mounted."""
    try:
        relative = PurePosixPath(path).relative_to(root)
    except ValueError:
        return mount
    return mount if ".." in relative.parts else mount / relative


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def folder_name(name: str) -> str:
    """A name that is safe as one folder: itself if it is harmless, otherwise made so and kept unique by a digest."""
    if _SAFE_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return re.sub(r"[^A-Za-z0-9@+_-]", "_", name)[:100] + "." + digest


def quota(cpu: float) -> int:
    """CFS quota in microseconds per period for a limit in cores; the kernel's minimum is one millisecond."""
    return max(_MINIMAL_QUOTA_MICROSECONDS, round(cpu * PERIOD_MICROSECONDS))


def mebibytes(size: int) -> str:
    """`268435456` as `256 MiB`."""
    return f"{size / (1 << 20):.4g} MiB" if size < 10_000 << 20 else f"{size >> 20} MiB"


def not_enforced(resources: Resources, *, cpu: str | None, memory: str | None) -> tuple[str, ...]:
    """Notes on the limits that were asked for and that `cpu` or `memory` (reasons, None: none) kept from being enforced."""
    notes = []
    if resources.cpu is not None and cpu is not None:
        notes.append(f"cpu limit of {resources.cpu:g} not enforced: {cpu}")
    if resources.memory is not None and memory is not None:
        notes.append(f"memory limit of {mebibytes(resources.memory)} not enforced: {memory}")
    return tuple(notes)


def counters(text: str) -> dict[str, int]:
    """A flat keyed file (`memory.stat`, `cpu.stat`, `memory.events`) as numbers."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}  # noqa: PLR2004


def groups_below(path: Path) -> Iterator[Path]:
    """The group and every group below it, the deepest first."""
    for folder, _, _ in os.walk(path, topdown=False):
        yield Path(folder)


def processes_below(files: ControlFiles, path: Path) -> list[int]:
    """The pids in the group and in all below it."""
    pids = []
    for group in groups_below(path):
        with suppress(OSError):
            pids += [int(pid) for pid in files.read(group / "cgroup.procs").split()]
    return pids


def remove_below(files: ControlFiles, path: Path) -> None:
    """Remove the group, all below it, and the folders of the run and of seatrial above it if they are empty now."""
    for group in groups_below(path):
        with suppress(FileNotFoundError):
            files.remove(group)
    for folder in path.parents:
        with suppress(OSError):
            files.remove(folder)
        if folder.name == FOLDER:
            return


def runs_below(mount: Path, run: str) -> list[Path]:
    """The folders of a run anywhere in a hierarchy: a crashed seatrial may have run in another cgroup than this one."""
    suffix = Path(FOLDER, folder_name(run))
    return [found for folder, _, _ in os.walk(mount) if (found := Path(folder)).parts[-2:] == suffix.parts]


def cells_below(mount: Path, run: str, cell: str) -> list[Path]:
    """The folders of one cell anywhere in a hierarchy."""
    return [folder for found in runs_below(mount, run) if (folder := found / folder_name(cell)).is_dir()]


def why_not_writable(path: Path) -> str:
    """Why nothing can be made in a group's folder; empty if it can."""
    if not path.is_dir():
        return f"{path} isn't there"
    if os.access(path, os.W_OK):
        return ""
    return f"{path} isn't writable for this user"


class NoCgroups:
    """A machine without usable cgroups: limits are reported as not enforced, usage is left to psutil."""

    kind = "none"
    controllers = ()

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def create(self, run: str, cell: str, resources: Resources) -> None:  # noqa: ARG002 - the port's signature
        """There is nothing to make."""
        return

    def find(self, run: str, cell: str, resources: Resources) -> None:  # noqa: ARG002 - the port's signature
        """There is nothing to find."""
        return

    def leftovers(self, run: str) -> tuple[Group, ...]:  # noqa: ARG002 - the port's signature
        """Nothing can have been left."""
        return ()


def unlimited(resources: Resources, reason: str) -> Limits:
    """The limits of a cell without cgroups."""
    return Limits(kind="none", notes=not_enforced(resources, cpu=reason, memory=reason))
