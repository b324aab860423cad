"""Work in other threads that nobody waits for when the process ends.

The executor of the standard library joins its threads at exit. A supervisor that is told to end must not wait for a
replica that takes half a minute to stop, or for a download.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonThreads(Executor):
    """Runs each call in a thread of its own."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start it; the future has its result or its exception."""
        future: Future[T] = Future()

        def run() -> None:
            future.set_running_or_notify_cancel()
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name=getattr(fn, "__name__", "work"), daemon=True).start()
        return future
