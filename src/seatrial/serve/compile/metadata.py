"""A signature inside an ONNX file, so that a server without scikit-learn still knows names, ranges and classes.

ONNX keeps free text under free keys (`metadata_props`); the signature is JSON under one of them. Loaders read it with
`read_signature(session.get_modelmeta().custom_metadata_map)`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np

from seatrial.records.errors import UsageError
from seatrial.records.serving import Signature

SIGNATURE_KEY: Final = "seatrial.signature"
DIGEST_KEY: Final = "seatrial.source_digest"
EVIDENCE_KEY: Final = "seatrial.evidence"


def signature_to_json(signature: Signature) -> str:
    """A signature as JSON text; numpy's scalars become numbers, and NaN in an example becomes null."""
    if signature.output_range is not None and not all(map(math.isfinite, signature.output_range)):
        signature = replace(signature, output_range=None)
    return msgspec.json.encode(signature, enc_hook=plain).decode()


def signature_from_json(text: str | bytes) -> Signature:
    """The signature that `signature_to_json` wrote.

    Raises:
        UsageError: it isn't one.
    """
    try:
        return msgspec.json.decode(text, type=Signature)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"this is not a signature: {error}", remedy="write the file anew with `seatrial compile MODEL OUT.onnx`"
        ) from error


def read_signature(properties: Mapping[str, str]) -> Signature | None:
    """The signature among an ONNX file's properties; None where there is none.

    Raises:
        UsageError: there is one and it can't be read.
    """
    text = properties.get(SIGNATURE_KEY)
    return None if text is None else signature_from_json(text)


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever numpy holds
    """Turn numpy's scalars and arrays into Python's (msgspec's `enc_hook`)."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    msg = f"{type(value).__name__} can't be written as JSON"
    raise NotImplementedError(msg)
