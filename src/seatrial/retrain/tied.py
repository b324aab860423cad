"""A tiny program that runs one command of a project, tied to the process that wanted it, and shows no secret of it.

A trainer starts helpers of its own (data loaders, worker pools), prints what it likes, and may run for hours. When
seatrial is killed (kill -9) nobody would be left to end all that. So this program stands between: the kernel tells it when
its parent has ended (`PR_SET_PDEATHSIG`), whatever the command leaves behind becomes its child (`PR_SET_CHILD_SUBREAPER`),
and it ends only when all of it has. As it waits for every one of them, it knows what they used.

Arguments: PARENT REPORT COMMAND…; REPORT is written at the end: JSON with `cpu_seconds` (of all processes) and `largest`
(bytes that the largest of them held at most). Ends as the command did. It needs nothing but the standard library and
`seatrial.logs`, and is started with `BOOT` so that nothing of the project's environment reaches it before that.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from seatrial.logs import Redactor

BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); from seatrial.retrain.tied import main; sys.exit(main(sys.argv[2:]))"
)
ROOT: Final = str(Path(__file__).resolve().parents[2])
UNSTARTED: Final = 127
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_GRACE_SECONDS: Final = 2.0
_CHUNK: Final = 64 << 10


class _ToldToEndError(Exception):
    """The parent has ended, or wants this to end."""


def tied_command(command: Sequence[str], report: Path) -> tuple[str, ...]:
    """The command line that runs `command` tied to this process."""
    return (sys.executable, "-I", "-S", "-c", BOOT, ROOT, str(os.getpid()), str(report), *command)


def main(arguments: list[str]) -> int:
    """Run the command to its end, and end everything that it started."""
    parent, report, command = int(arguments[0]), Path(arguments[1]), arguments[2:]
    signal.signal(signal.SIGTERM, _tell)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be asked for
        return UNSTARTED
    status = _run(command)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with suppress(OSError):
        report.write_text(json.dumps({"cpu_seconds": used.ru_utime + used.ru_stime, "largest": used.ru_maxrss << 10}))
    return status if status >= 0 else _die(-status)


def _tell(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _ToldToEndError


def _run(command: list[str]) -> int:
    """The status that it ended with, negative for a signal; afterwards nothing of it is left."""
    reader, writer = os.pipe()
    copying = threading.Thread(target=_copy, args=(reader, 1), daemon=True)
    copying.start()
    process: subprocess.Popen[bytes] | None = None
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
        status = process.wait()
    except _ToldToEndError:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        status = _ended_gently(process)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        os.write(writer, f"{command[0]} can't be started: {reason}\n".encode())
        status = UNSTARTED
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_everything()
        os.close(writer)
    copying.join()
    return status


def _ended_gently(process: "subprocess.Popen[bytes] | None") -> int:
    if process is not None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    return -signal.SIGTERM


def _end_everything() -> None:
    """SIGKILL to all that is below this process, until nothing is: who loses its parent becomes a child of this one."""
    while True:
        for pid in _below(os.getpid()):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _below(pid: int) -> set[int]:
    """The living processes below one."""
    parents = _parents()
    found, fresh = set[int](), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def _parents() -> dict[int, int]:
    """Parent of every process that is not a zombie."""
    parents = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone
        if entry.isdigit():
            with suppress(OSError, ValueError, IndexError):
                state, parent = Path("/proc", entry, "stat").read_text().rpartition(") ")[2].split()[:2]
                if state not in {"Z", "X"}:
                    parents[int(entry)] = int(parent)
    return parents


def _copy(source: int, target: int) -> None:
    """Hand on what comes, line by line (also of lines that are redrawn), without secrets."""
    redactor = Redactor(os.environ)
    kept = b""
    while chunk := os.read(source, _CHUNK):
        kept += chunk
        end = max(kept.rfind(b"\n"), kept.rfind(b"\r")) + 1
        if not end and len(kept) >= _CHUNK:
            end = len(kept)
        _write(target, redactor.clean(kept[:end]))
        kept = kept[end:]
    _write(target, redactor.clean(kept))
    os.close(source)


def _write(target: int, data: bytes) -> None:
    with suppress(OSError):  # on a full disk the command meets the same trouble and says so itself
        while data:
            data = data[os.write(target, data) :]


def _die(number: int) -> int:
    """End by the signal that the command ended by, without a second core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number
