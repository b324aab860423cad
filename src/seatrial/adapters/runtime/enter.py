"""A tiny program that joins cgroups and then becomes the deployment's command.

A deployment has to be inside its cgroup before its first own instruction: a process that is moved afterwards has
already allocated memory and forked children outside. `preexec_fn` would do it, but runs Python between fork and exec
in a program with threads, which can deadlock; a shell would do it, but seatrial starts nothing through a shell;
`clone3(CLONE_INTO_CGROUP)` isn't reachable from Python and exists for v2 only. So `ProcessRuntime` starts this file
(`python -I -S enter.py`, about 15 ms) which execs the command in the same process.

Arguments: FD N FILE×N COMMAND…; the pid is written to each FILE (`cgroup.procs`). A failure is one line on FD:
`join ERRNO FILE` or `exec ERRNO COMMAND`; success closes FD with nothing written.
"""

import os
import signal
import sys


def main(arguments: list[str]) -> int:
    """Join, then exec; returns (127) only if that failed."""
    report, count = int(arguments[0]), int(arguments[1])
    files, command = arguments[2 : 2 + count], arguments[2 + count :]
    os.set_inheritable(report, False)  # noqa: FBT003 - its only parameter form
    for file in files:
        try:
            _join(file)
        except OSError as error:
            return _fail(report, "join", error, file)
    try:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execvpe(os.fsencode(command[0]), [os.fsencode(part) for part in command], _environment())  # noqa: S606
    except OSError as error:
        return _fail(report, "exec", error, command[0])


def _join(file: str) -> None:
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, b"%d" % os.getpid())
    finally:
        os.close(descriptor)


def _environment() -> dict[bytes, bytes]:
    """The environment as it was given; os.environ may hold the LC_CTYPE that Python itself sets (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - pathlib would triple the start-up time
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if b"=" in entry)
        return {name: value for name, _, value in pairs}


def _fail(report: int, step: str, error: OSError, what: str) -> int:
    os.write(report, os.fsencode(f"{step} {error.errno} {what}"))
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
