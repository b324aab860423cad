"""Starts HAProxy with a pipe as its standard output, into which it writes its log; see `writer`.

A program of its own without any import of ours: `python piped.py PIPE haproxy …`. HAProxy itself holds both ends, so that
lines wait in the pipe while the writer is away, and a line is written before the process that wrote it can end.
"""

import os
import sys


def main(pipe: str, command: list[str]) -> None:
    """Become the command."""
    os.dup2(os.open(pipe, os.O_RDWR), 1)
    os.execv(command[0], command)  # noqa: S606 - nothing of it is read by a shell


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
