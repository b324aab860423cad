"""What every kind of parser finds in lines, before the values are converted to their columns' kinds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from seatrial.retrain.parse.parsed import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """Values found in lines, column by column.

    Attributes:
        origins: of each row, which line (index) it comes from; they grow.
        values: by column a value for each row, None where the line does not fill it. A column that no line fills may be
            left out.
        faults: by line (index) why nothing could be found in it; such a line has no row.
        ignored: how many lines were somebody else's.
    """

    origins: Sequence[int]
    values: Mapping[str, Sequence[Any]]
    faults: Mapping[int, Fault] = field(default_factory=dict)
    ignored: int = 0


class Extractor(Protocol):
    """Finds the values of rows in lines."""

    def extract(self, texts: Sequence[str]) -> Extracted:
        """Look at all the lines; whatever is in one, it is a fault of that line and no error."""
        ...


def in_columns(values: Sequence[Any], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """Values that lie row by row, as many in each as there are names, column by column."""
    return {name: values[number :: len(names)] for number, name in enumerate(names)}
