"""Brings one file at a time to its place, in a thread of its own.

A bucket that hangs for a minute then holds up this thread only. What is answered meanwhile still becomes columns, which
take a tenth of the memory of the requests that they come from.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from seatrial.serve.log.places import Place

Errand = tuple[str, memoryview, "Future[None]"]


class Courier:
    """Writes what it is sent, in order.

    Args:
        place: where to.
        returned: called after each file, from its thread.
    """

    def __init__(self, place: Place, returned: Callable[[], None]) -> None:
        self._place = place
        self._returned = returned
        self._errands: SimpleQueue[Errand | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="seatrial-log-courier", daemon=True)
        self._thread.start()

    def send(self, path: str, content: memoryview) -> "Future[None]":
        """Done, or failed with the place's error, when it is known."""
        future: Future[None] = Future()
        self._errands.put((path, content, future))
        return future

    def stop(self) -> None:
        """Ends after what was sent."""
        self._errands.put(None)

    def _run(self) -> None:
        while (errand := self._errands.get()) is not None:
            path, content, future = errand
            try:
                self._place.write(path, content)
            except BaseException as error:  # noqa: BLE001 - told to whoever sent it
                future.set_exception(error)
            else:
                future.set_result(None)
            self._returned()
