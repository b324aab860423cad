"""What a model takes and gives: read off the fitted model, and off the file that its owner writes beside it.

The server validates every request against a signature, so that a wrong request is refused with the field and the
value instead of failing somewhere inside the model. Libraries tell different parts of it; `signature.yaml` adds
ranges, choices and names, and is never allowed to contradict the model.
"""

from seatrial.serve.signature.document import to_document
from seatrial.serve.signature.estimator import of_estimator
from seatrial.serve.signature.example import write_example
from seatrial.serve.signature.file import SignatureFile, parse, read
from seatrial.serve.signature.find import find
from seatrial.serve.signature.merge import merge, read_file

__all__ = [
    "SignatureFile",
    "find",
    "merge",
    "of_estimator",
    "parse",
    "read",
    "read_file",
    "to_document",
    "write_example",
]
