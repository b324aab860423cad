"""What the hot path hands to the prediction log: references to what it has anyway, so that handing over costs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seatrial.serve.model import Batch, Outputs


class Logged(Protocol):
    """One request of a batch, as the batcher keeps it."""

    @property
    def request_id(self) -> str:
        """As the caller gave it or the server made it."""
        ...

    @property
    def handler(self) -> str:
        """Path template."""
        ...

    @property
    def count(self) -> int:
        """How many rows it has."""
        ...

    @property
    def start(self) -> int:
        """Its first row in the batch."""
        ...

    @property
    def status(self) -> int:
        """HTTP status of its answer."""
        ...

    @property
    def received(self) -> float:
        """Seconds, on the clock of `Answered.begun`."""
        ...


@dataclass(slots=True)
class Answered:
    """One batch that the model answered. The log reads it later, so nothing of it may be changed any more.

    Attributes:
        time: unix seconds when the batch was answered.
        begun: monotonic seconds when the model began.
        model_seconds: what the model took for the whole batch.
        finished: monotonic seconds when the answers were ready.
        requests: whose rows they are, at least one, by ascending `start`.
        batch: as given to the model.
        outputs: as the model gave them.
    """

    time: float
    begun: float
    model_seconds: float
    finished: float
    requests: Sequence[Logged]
    batch: Batch
    outputs: Outputs


@dataclass(slots=True)
class Unanswered:
    """A request that was refused or failed: it has a row, without inputs and prediction.

    Attributes:
        time: unix seconds when it was answered.
        request_id: as the caller gave it or the server made it.
        handler: path template.
        status: HTTP status of its answer.
        received, finished: seconds, both on one monotonic clock.
    """

    time: float
    request_id: str
    handler: str
    status: int
    received: float
    finished: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What turned out to be right for one row of a request.

    Attributes:
        request_id: of the request.
        row: of the request, from 0.
        label: any JSON value but null.
    """

    request_id: str
    row: int = 0
    label: Any
