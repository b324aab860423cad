"""Several requests to a service at once, because each of them mostly waits."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

_AT_ONCE: Final = 8
_T = TypeVar("_T")
_R = TypeVar("_R")


def at_once(action: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """The results in the order of the items. Raises the first error once all that began have ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = [pool.submit(action, item) for item in items]
        try:
            return [each.result() for each in waiting]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
