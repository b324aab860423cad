"""An imitation of the cgroup v2 file system on a plain directory tree, with the rules that decide what seatrial may do.

Written from the kernel's admin-guide/cgroup-v2: controllers come from above one level at a time; a group that holds
processes passes none on (except the root); a group with processes or groups below can't be removed.
"""

import errno
import os
import shutil
from pathlib import Path

from seatrial.adapters.runtime.cgroup import ControlFiles
from tests.adapters.launching import is_alive

FILES = {
    "memory": {
        "memory.max": "max\n",
        "memory.swap.max": "max\n",
        "memory.current": "0\n",
        "memory.stat": "",
        "memory.events": "oom_kill 0\n",
    },
    "cpu": {"cpu.max": "max 100000\n"},
}


class FakeKernel(ControlFiles):
    """The operations on control files, as a kernel with cgroup v2 does them.

    Args:
        root: where the hierarchy is mounted; made with `controllers`.
        in_container: the mounted root is a container's group, to which the rules apply, and passes nothing on yet.
    """

    def __init__(self, root: Path, controllers: str = "cpu memory pids", *, in_container: bool = False) -> None:
        self._root = root
        self._exempt = None if in_container else root
        root.mkdir()
        (root / "cgroup.controllers").write_text(controllers)
        (root / "cgroup.subtree_control").write_text("" if in_container else controllers)
        (root / "cgroup.procs").write_text("")

    def group(self, name: str, *, processes: tuple[int, ...] = (), enable: str = "") -> Path:
        """Set up a group as the machine's administrator (or systemd) would have."""
        path = self._root / name
        self.make(path)
        (path / "cgroup.procs").write_text("\n".join(map(str, processes)))
        (path / "cgroup.subtree_control").write_text(enable)
        return path

    def proc(self, folder: Path, own: str) -> Path:
        """A `/proc/self` of a process in group `own`."""
        folder.mkdir()
        (folder / "cgroup").write_text(f"0::{own}\n")
        (folder / "mountinfo").write_text(f"30 23 0:26 / {self._root} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n")
        return folder

    def read(self, path: Path) -> str:
        """Of processes, only those that still live."""
        text = super().read(path)
        if path.name == "cgroup.procs":
            return "\n".join(pid for pid in text.split() if pid == "1" or is_alive(int(pid)))
        return text

    def write(self, path: Path, value: str) -> None:
        """Obey the rules of `cgroup.subtree_control` and `cgroup.procs`; everything else is kept as written."""
        if path.name == "cgroup.subtree_control":
            self._enable(path.parent, value.removeprefix("+"))
        elif path.name == "cgroup.procs":
            self._move(path, value)
        elif not path.exists():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        else:
            path.write_text(value)

    def make(self, path: Path) -> None:
        """A new group has the files of the controllers that its parent passes on."""
        if path.exists():
            return
        self.make(path.parent)
        path.mkdir()
        (path / "cgroup.controllers").write_text((path.parent / "cgroup.subtree_control").read_text())
        for name, content in {"cgroup.procs": "", "cgroup.subtree_control": "", "cpu.stat": "usage_usec 0\n"}.items():
            (path / name).write_text(content)
        self._populate(path)

    def remove(self, path: Path) -> None:
        """Only what is empty goes."""
        if not path.exists():
            raise FileNotFoundError(path)
        if self.read(path / "cgroup.procs") or any(entry.is_dir() for entry in path.iterdir()):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
        shutil.rmtree(path)

    def _enable(self, group: Path, name: str) -> None:
        if name not in (group / "cgroup.controllers").read_text().split():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if group != self._exempt and self.read(group / "cgroup.procs"):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        control = group / "cgroup.subtree_control"
        control.write_text(" ".join(sorted({*control.read_text().split(), name})))
        for child in group.iterdir():
            if child.is_dir():
                (child / "cgroup.controllers").write_text(control.read_text())
                self._populate(child)

    def _populate(self, group: Path) -> None:
        for name in (group / "cgroup.controllers").read_text().split():
            for file, content in FILES.get(name, {}).items():
                if not (group / file).exists():
                    (group / file).write_text(content)

    def _move(self, target: Path, pid: str) -> None:
        for file in self._root.rglob("cgroup.procs"):
            file.write_text("\n".join(other for other in file.read_text().split() if other != pid))
        target.write_text("\n".join([*target.read_text().split(), pid]))
