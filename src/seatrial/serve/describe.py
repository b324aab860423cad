"""Says what a model is and takes, for a registry that keeps it: in a process of its own, because opening a model runs code.

    python -m seatrial.serve.describe MODEL OUT [--trusted-digest sha256:…]…

writes one JSON object to the file OUT, since a model may print what it likes: `flavour`, `digest`, `signature` and `stack`,
or `flavour` and `error` where the model can't be opened by the rules of `seatrial serve`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from seatrial.records import SeatrialError
from seatrial.serve.loaders import identify, open_model
from seatrial.serve.options import ServeOptions


def describe(model: str, trusted: Sequence[str] = ()) -> dict[str, Any]:
    """What a model is and takes.

    Args:
        model: path of an artifact.
        trusted: the only digests of pickles that may be opened; empty trusts the file that was named.

    Returns:
        See the module; JSON values, but for records and numpy's scalars.
    """
    try:
        flavour = identify(model)
    except SeatrialError as error:
        return {"flavour": None, "error": error.what}
    try:
        opened = open_model(ServeOptions(model=model, trusted_digests=tuple(trusted)))
    except SeatrialError as error:
        return {"flavour": flavour, "error": error.what}
    except Exception as error:  # noqa: BLE001 - a model's own code may fail in any way
        return {"flavour": flavour, "error": f"{type(error).__name__}: {error}"}
    return {
        "flavour": opened.flavour,
        "digest": opened.digest,
        "signature": opened.predictor.signature,
        "stack": opened.stack,
    }


def main(arguments: Sequence[str]) -> None:
    """Describe the model of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("--trusted-digest", action="append", default=[])
    given = parser.parse_args(arguments)
    described = describe(given.model, given.trusted_digest)
    given.out.write_bytes(msgspec.json.encode(described, enc_hook=_plain))


def _plain(value: Any) -> Any:  # noqa: ANN401 - numpy's arrays and scalars, which examples and classes may hold
    return value.tolist() if hasattr(value, "tolist") else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
