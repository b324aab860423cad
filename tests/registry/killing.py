"""Kills a process at exactly the statement that a test names, so that no moment of a transaction is left to chance."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

_EVENTS = ("before_cursor_execute", "after_cursor_execute", "commit")


def killed_at_each_moment(work: Callable[[], object], most: int = 500) -> Iterator[int]:
    """Run `work` in processes of its own, killed -9 at the first moment, the second … until one comes to its end.

    A moment is before or after a statement of any database, or before a COMMIT. Yields the number of the moment after
    each kill, while nothing of `work` runs.
    """
    for moment in range(1, most):
        if not _is_killed(work, moment):
            return
        yield moment
    raise AssertionError(f"it was not done after {most} statements")


def _is_killed(work: Callable[[], object], moment: int) -> bool:
    child = os.fork()
    if child == 0:
        _run(work, moment)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert signal.SIGKILL == os.WTERMSIG(status)
        return True
    assert 0 == os.WEXITSTATUS(status), "the work failed; its traceback is on standard error"
    return False


def _run(work: Callable[[], object], moment: int) -> None:
    """In the child: never returns."""
    left = moment

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        for event in _EVENTS:
            sa.event.listen(sa.Engine, event, count)
        work()
    except BaseException:  # noqa: BLE001 - a forked test must not go on as a second pytest
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)
    os._exit(0)
