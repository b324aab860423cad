"""Where a fork's trial runs: in a room of its own, from which neither this machine nor the network can be seen.

Whoever forks a repository may write anything into it, and its trial runs that. bubblewrap gives it namespaces of its
own: no network but a loopback interface that is nobody else's, no processes but its own, and of the files only what a
trial needs: the system's programs, the interpreter and the cached packages, which it can't change, and its checkout and
its reports' folder, which it can. The server's folder, its environment, homes and other checkouts are not there.

The command is built as data (`bwrap_command`). Where bubblewrap or the kernel's namespaces can't be had there is no
trial: nothing in the configuration makes it run outside.
"""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import seatrial
from seatrial.records import UsageError

HOME: Final = "/home/trial"
WITHOUT_NETWORK: Final = (
    "a fork's trial runs without a network: only stacks whose packages the server has in its caches can be built"
)
_USER: Final = "1000"
_TMP_BYTES: Final = 2 << 30
_FILE_BYTES: Final = 8 << 30
_LEAST_MEMORY: Final = 4 << 30
_TRYING_SECONDS: Final = 20
_SYSTEM: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SETTINGS: Final = (
    *(
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "alternatives",
        "localtime",
        "timezone",
        "nsswitch.conf",
        "mime.types",
    ),
    *("ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs", "pki/ca-trust/extracted"),
)
# What uv reads while it installs without a network; its other folders it writes, and they stay empty.
_PACKAGES: Final = ("archive-v*", "wheels-v*", "simple-v*", "sdists-v*")
_ACCOUNTS: Final = {
    "passwd": f"trial:x:{_USER}:{_USER}:trial:{HOME}:/bin/sh\n",
    "group": f"trial:x:{_USER}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
}


@dataclass(frozen=True, slots=True)
class Mount:
    """One thing that is seen inside: a bubblewrap option (`--ro-bind`, `--bind`, `--symlink`), what, and at which place."""

    option: str
    source: str
    place: str


def read_only(path: Path) -> Mount:
    """A file or folder at its own place, which can't be changed."""
    return Mount("--ro-bind", str(path), str(path))


def writable(path: Path, place: Path | None = None) -> Mount:
    """A folder at its own place or another, which can."""
    return Mount("--bind", str(path), str(place or path))


def bwrap_command(
    command: tuple[str, ...],
    mounts: Iterable[Mount],
    environment: Mapping[str, str],
    cwd: Path,
    *,
    bwrap: str = "bwrap",
) -> tuple[str, ...]:
    """The command line that runs `command` inside. A later mount lies over an earlier one."""
    words = [
        bwrap,
        *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *("--disable-userns", "--cap-drop", "ALL", "--uid", _USER, "--gid", _USER, "--hostname", "trial"),
        *("--die-with-parent", "--new-session", "--clearenv"),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"),  # noqa: S108 - its own
        *("--size", str(_TMP_BYTES), "--tmpfs", HOME),
    ]
    for mount in mounts:
        words += [mount.option, mount.source, mount.place]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return (*words, "--chdir", str(cwd), "--", *command)


class Confinement:
    """What this machine offers for confining.

    Args:
        stacks: where environments are cached.
        environ: the server's; only the language and the place of uv's cache are read from it.
    """

    def __init__(self, stacks: Path, environ: Mapping[str, str]) -> None:
        self._stacks = stacks
        self._environ = environ
        self._lock = threading.Lock()
        self._refusal: str | None = None

    def check(self) -> None:
        """Raise UsageError if nothing can be confined here; it is tried once."""
        with self._lock:
            if self._refusal is None:
                self._refusal = self._tried()
        if self._refusal:
            raise UsageError(
                f"a fork's code runs in confinement or not at all, and here it can't be confined: {self._refusal}",
                remedy="install bubblewrap (apt-get install bubblewrap) where the bot runs, and let users make namespaces "
                "(sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)",
            )

    def command(
        self, command: tuple[str, ...], *, checkout: Path, out: Path, objects: Path, private: Path
    ) -> tuple[str, ...]:
        """The command line that runs `command` confined, in the folder `checkout`.

        Args:
            command: no shell.
            checkout: the repository, which it may write.
            out: folder for its reports, which it may write.
            objects: that the repository borrows; read-only.
            private: folder for what is laid into its room: its own caches, which end with it.

        Raises:
            UsageError: nothing can be confined here.
        """
        self.check()
        mounts = (
            *_system(),
            *map(read_only, _interpreter()),
            *self._caches(private),
            *_accounts(private / "etc"),
            read_only(objects),
            writable(checkout),
            writable(out),
        )
        return bwrap_command(command, mounts, self._environment(), checkout, bwrap=_bwrap())

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": HOME,
            "USER": "trial",
            "LANG": self._environ.get("LANG", "C.UTF-8"),
            "XDG_CACHE_HOME": str(self._stacks.parent.parent),
            "UV_CACHE_DIR": str(self._packages()),
            "UV_OFFLINE": "1",
            "UV_LINK_MODE": "copy",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def _caches(self, private: Path) -> list[Mount]:
        """Caches of its own, with what the server's hold laid into them: read, and not changed for anyone else."""
        mounts: list[Mount] = []
        kept = {
            self._stacks: [marker.parent for marker in sorted(self._stacks.glob("*/stack.json"))],
            self._packages(): [path for kind in _PACKAGES for path in sorted(self._packages().glob(kind))],
        }
        for place, shared in kept.items():
            own = private / place.name
            own.mkdir(parents=True, exist_ok=True)
            mounts += [writable(own, place), *map(read_only, shared)]
        return mounts

    def _packages(self) -> Path:
        """Where uv keeps packages."""
        if given := self._environ.get("UV_CACHE_DIR"):
            return Path(given)
        base = self._environ.get("XDG_CACHE_HOME")
        return (Path(base) if base else Path.home() / ".cache") / "uv"

    def _tried(self) -> str:
        """Why nothing can be confined here; empty if it can."""
        if shutil.which("bwrap") is None:
            return "bubblewrap (bwrap) is not installed"
        command = bwrap_command(("true",), _system(), {"PATH": "/usr/bin:/bin"}, Path("/"), bwrap=_bwrap())
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=_TRYING_SECONDS, env={})
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        said = done.stderr.decode("utf-8", "replace").strip()
        return "" if done.returncode == 0 else said.partition("\n")[0] or f"bwrap ended with {done.returncode}"


def limits() -> dict[str, int]:
    """What a process of a confined trial may use at most, by the names of `resource.RLIMIT_…`."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"AS": max(memory, _LEAST_MEMORY), "FSIZE": _FILE_BYTES, "CORE": 0}


def _bwrap() -> str:
    return shutil.which("bwrap") or "bwrap"


def _system() -> list[Mount]:
    """Programs and libraries of the system, and of its settings those that programs need to start."""
    mounts = [read_only(Path("/usr"))]
    for name in _SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            mounts.append(Mount("--symlink", str(path.readlink()), str(path)))
        elif path.is_dir():
            mounts.append(read_only(path))
    return [*mounts, *(read_only(path) for name in _SETTINGS if (path := Path("/etc", name)).exists())]


def _interpreter() -> list[Path]:
    """This Python with its packages, and seatrial where it is installed from its sources."""
    found = [Path(sys.base_prefix), Path(sys.prefix), Path(seatrial.__file__).parent]
    outside = [path for path in dict.fromkeys(path.resolve() for path in found) if not path.is_relative_to("/usr")]
    # A link to the interpreter may lead through further folders.
    places = [path for path in found if path not in outside and not path.is_relative_to("/usr")]
    return [*outside, *places]


def _accounts(folder: Path) -> list[Mount]:
    """A user, and the names of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _ACCOUNTS.items():
        (folder / name).write_text(text)
    return [Mount("--ro-bind", str(folder / name), f"/etc/{name}") for name in _ACCOUNTS]
