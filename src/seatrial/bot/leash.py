"""A tiny program that ties its command to the process that started it, limits it, and becomes it.

A worker that is killed (kill -9) must leave no trial running. The kernel sends the signal of `PR_SET_PDEATHSIG` when
the parent ends, in whatever way. It has to be asked for by the child, between fork and exec, where a program with threads
must not run Python (see `adapters/runtime/enter.py`, which is started alike).

Arguments: SIGNAL PARENT N LIMIT×N COMMAND…; a LIMIT is `NAME=BYTES` of `resource.RLIMIT_NAME`. Exits with 127 if the
command can't be started.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Tie, limit, become; returns only if that failed."""
    number, parent, count = (int(word) for word in arguments[:3])
    limits, command = arguments[3 : 3 + count], arguments[3 + count :]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be asked for
        return 127
    for limit in limits:
        name, _, most = limit.partition("=")
        _limit(getattr(resource, f"RLIMIT_{name}"), int(most))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - that is what it is for
    except OSError as error:
        sys.stderr.write(f"{command[0]} can't be started: {error.strerror}\n")
        return 127


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
