"""What may go into a model: bodies to JSON, JSON to rows and arrays, judged by the signature.

Two paths that agree: `decoders` reads and checks in one go and never explains; `columns`, `matrix` and `arrays` say what
is wrong with which value, and are asked only then.
"""

from seatrial.serve.validation.aliases import Json
from seatrial.serve.validation.arrays import Nested, Ragged, nested
from seatrial.serve.validation.body import GOOD_TYPES, Parsed, not_json, parse, require_json, too_deep
from seatrial.serve.validation.bounds import integer_range, largest_float, number_bounds, whole
from seatrial.serve.validation.columns import Columns
from seatrial.serve.validation.decoders import FAILURES, Decode, Decoders, decoders, wrapped_decoders
from seatrial.serve.validation.fields import allowed_choices, expected, is_number
from seatrial.serve.validation.kinds import Reason
from seatrial.serve.validation.matrix import Matrix, all_numbers
from seatrial.serve.validation.shown import counted, short, shown, words
from seatrial.serve.validation.verdicts import TOLD, Mistakes, invalid, require_rows

__all__ = [
    "FAILURES",
    "GOOD_TYPES",
    "TOLD",
    "Columns",
    "Decode",
    "Decoders",
    "Json",
    "Matrix",
    "Mistakes",
    "Nested",
    "Parsed",
    "Ragged",
    "Reason",
    "all_numbers",
    "allowed_choices",
    "counted",
    "decoders",
    "expected",
    "integer_range",
    "invalid",
    "is_number",
    "largest_float",
    "nested",
    "not_json",
    "number_bounds",
    "parse",
    "require_json",
    "require_rows",
    "short",
    "shown",
    "too_deep",
    "whole",
    "words",
    "wrapped_decoders",
]
