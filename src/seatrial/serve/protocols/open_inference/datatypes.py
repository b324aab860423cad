"""The protocol's names of what an array holds, and numpy's."""

import numpy as np

from seatrial.serve.codec import Refused
from seatrial.serve.model import Array
from seatrial.serve.validation import Reason, words

BYTES = "BYTES"
DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    BYTES: "object",
}
"""numpy's name for each datatype; strings are objects."""

_DATATYPES = {np.dtype(dtype): datatype for datatype, dtype in DTYPES.items()}


def dtype_of(datatype: str) -> str:
    """Numpy's name.

    Raises:
        Refused: there is no such datatype.
    """
    dtype = DTYPES.get(datatype)
    if dtype is None:
        raise Refused(400, Reason.MALFORMED, f"{words(datatype)} is no datatype, expected one of {', '.join(DTYPES)}")
    return dtype


def datatype_of(dtype: str) -> str:
    """The protocol's name of numpy's; BYTES for all that is neither number nor truth value."""
    return _DATATYPES.get(np.dtype(dtype), BYTES)


def datatype_of_array(array: Array) -> str:
    """As `datatype_of`."""
    return _DATATYPES.get(array.dtype, BYTES)
