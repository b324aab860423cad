"""What a codec tells the OpenAPI document and the page about itself, so that neither knows one protocol from another."""

from dataclasses import dataclass, field
from typing import Any, Protocol

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One way to ask the model.

    Attributes:
        summary: one line.
        description: Markdown; what is accepted besides the schema.
        request: JSON Schema of the body; None where there is none.
        examples: request bodies by a name for each; the first is the one to show.
        answer: JSON Schema of a good answer.
        refusals: statuses of the errors that the request itself can bring about.
        parameters: OpenAPI parameter objects (path, query, headers).
        binary: whether `application/octet-stream` is read and written too.
    """

    summary: str
    description: str = ""
    request: Schema | None
    examples: dict[str, Any] = field(default_factory=dict)
    answer: Schema
    refusals: tuple[int, ...] = (400, 413, 415, 422, 500, 503)
    parameters: tuple[Schema, ...] = ()
    binary: bool = False


class Described(Protocol):
    """A codec that can say what it does; all codecs of this package do."""

    def operation(self) -> Operation:
        """What it reads and answers."""
        ...
