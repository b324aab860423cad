"""Provides one stack in a process of its own: `python provide.py CACHE PROJECT LOG`; prints whether it was cached."""

import os
import sys
from pathlib import Path

from seatrial.adapters.clock import SystemClock
from seatrial.records import StackSpec
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.stack import Stacks


def main() -> None:
    """Provide it."""
    cache, project, log = map(Path, sys.argv[1:])
    stacks = Stacks(cache, Commands(SystemClock()), os.environ)
    stack = stacks.provide(StackSpec(), project, salt="tree", log=log)
    print("cached" if stack.cached else "built")  # noqa: T201


if __name__ == "__main__":
    main()
