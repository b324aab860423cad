"""What a protocol has to do: turn a body into rows, and the model's outputs into a body.

One codec a protocol and form (`POST /predict`, KServe V1, Open Inference V2); the batcher between them sees rows only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from seatrial.serve.limits import Limits
from seatrial.serve.model import Batch, Outputs

__all__ = ["JSON", "NO_HEADERS", "Answer", "Asked", "Codec", "Complaint", "Endpoint", "Limits", "Refused"]

JSON = b"application/json"
NO_HEADERS: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(slots=True)
class Asked:
    """The rows of one request.

    Attributes:
        batch: the rows, in the form that the model takes (see `model.Batch`).
        count: how many.
        style: whatever the codec needs to answer in the manner of the question (one row or many, names wanted …).
    """

    batch: Batch
    count: int
    style: Any = None


@dataclass(slots=True)
class Answer:
    """A whole answer: status, body, content type and further headers (lower-case names)."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = NO_HEADERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong with one value: where it stands, what it was (shortened), and what was expected."""

    message: str
    row: int | None = None
    field: str | None = None
    value: Any = None
    expected: str = ""


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A request that isn't answered with a prediction.

    Args:
        status: HTTP status (400 not JSON, 413 too large, 415 wrong type, 422 invalid values, 503 overloaded …).
        kind: short name for the metrics (`invalid`, `not_json`, `too_many_rows`, `not_finite` …), from a closed set.
        message: one sentence.
        complaints: what is wrong, value by value; at most 20 are told.
    """

    def __init__(self, status: int, kind: str, message: str, complaints: tuple[Complaint, ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.complaints = complaints


class Codec(Protocol):
    """One protocol for one model. Both methods run on the event loop and must be quick."""

    def decode(self, body: bytes, headers: Mapping[bytes, bytes]) -> Asked:
        """The rows of a request.

        Args:
            body: as received, at most the configured limit.
            headers: lower-case names; of a repeated header the last.

        Raises:
            Refused: the body can't be answered; says what, row by row.
        """
        ...

    def encode(self, asked: Asked, outputs: Outputs, start: int, seconds: float) -> Answer:
        """The answer for rows `start … start + asked.count` of `outputs`.

        Args:
            asked: what `decode` returned.
            outputs: of the whole batch; large arrays are sliced, not copied.
            start: first row of this request.
            seconds: since the request was received.

        Raises:
            Refused: 422 `not_finite` where the model's answer holds NaN or infinity, which JSON cannot carry.
        """
        ...

    def refuse(self, refused: Refused) -> Answer:
        """The protocol's error document."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a codec listens.

    `paths` are exact, or templates such as `/recommend/{user}` (the codec then finds the raw path, with its query, in
    the header `:path`); `handler` is what metrics show.
    """

    method: str
    paths: tuple[str, ...]
    handler: str
    codec: Codec = field(compare=False)
