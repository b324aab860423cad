"""The story of one notice to one receiver: try, wait, try again, and in the end say that it was not to be.

Every try is a step, so the tries of several processes add up, and one that follows a crash comes at once. A notice may
arrive twice, if the process dies between sending and noting it; its `key` tells the receiver that it is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

from seatrial.promotion.step import Step
from seatrial.records import Notice, PermanentError, SeatrialError, Undelivered, UsageError

Send = Callable[[Notice], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a receiver is tried, and how many seconds lie between two tries: `first`, then `factor` times as many."""

    tries: int = 8
    first: float = 1.0
    factor: float = 2.0

    def pause(self, after: int) -> float:
        """Seconds to wait after the try of this number, from 1."""
        return float(self.first * self.factor ** (after - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One try. `reason` is empty if the receiver has it; `hopeless` says that a further try would not help."""

    reason: str = ""
    hopeless: bool = False


def deliver(
    notice: Notice,
    receiver: str,
    *,
    send: Send,
    step: Step,
    wait: Callable[[float], None],
    report: Callable[[Undelivered], None],
    patience: Patience,
) -> Undelivered | None:
    """Bring a notice to a receiver; None if it has it.

    Args:
        notice: what to bring.
        receiver: its name.
        send: one try; raises TemporaryError if a further one may help.
        step: keeps what was done.
        wait: lets seconds pass.
        report: told if it was not to be.
        patience: how often, and how long between.
    """
    sent = Sent()
    for attempt in range(1, patience.tries + 1):
        sent, fresh = _once(f"send {attempt}", lambda: _try(send, notice), step)
        if not sent.reason:
            return None
        if sent.hopeless or attempt == patience.tries:
            break
        if fresh:
            wait(patience.pause(attempt))
    lost = Undelivered(receiver=receiver, subject=notice.subject, reason=sent.reason, tries=attempt)
    step("report", lambda: report(lost), type(None))
    return lost


def _once(name: str, work: Callable[[], Sent], step: Step) -> tuple[Sent, bool]:
    """What a step gives, and whether it was done just now."""
    fresh: list[bool] = []

    def noted() -> Sent:
        fresh.append(True)
        return work()

    return step(name, noted, Sent), bool(fresh)


def _try(send: Send, notice: Notice) -> Sent:
    try:
        send(notice)
    except (UsageError, PermanentError) as error:
        return Sent(reason=error.what, hopeless=True)
    except SeatrialError as error:
        return Sent(reason=error.what)
    except Exception as error:  # noqa: BLE001 - whatever a receiver's library raises, the notice did not arrive
        return Sent(reason=f"{type(error).__name__}: {error}")
    return Sent()
