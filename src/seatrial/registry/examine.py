"""Asks a model what it is and takes, in a process of its own: opening a pickle runs the code that is in it.

That process is the model server's (`seatrial.serve.describe`), with its rules of trust. Whatever happens to it (a package
that is missing, a crash, an endless loop) is a note beside the version and never keeps one from being registered.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from seatrial.logs import shown_text
from seatrial.records.serving import Signature

TIMEOUT = 300.0
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a model says of itself.

    Attributes:
        flavour: see `seatrial serve`; None where it is no model that the server knows.
        digest: of what was opened; empty where nothing was.
        signature: what it takes; None where it can't be opened.
        note: why something is missing; empty where nothing is.
    """

    flavour: str | None = None
    digest: str = ""
    signature: Signature | None = None
    note: str = ""


def examine(model: Path, *, trusted: Sequence[str] = (), cwd: Path | None = None, timeout: float = TIMEOUT) -> Examined:
    """What a model says of itself.

    Args:
        model: file or folder.
        trusted: the only digests of pickles that may be opened; empty trusts what `model` names.
        cwd: where its process runs: modules there can be imported by a pickle.
        timeout: seconds.
    """
    pins = [part for digest in trusted for part in ("--trusted-digest", digest)]
    with tempfile.TemporaryDirectory(prefix="seatrial-examine-") as room:
        out = Path(room) / "described.json"
        command = [sys.executable, "-m", "seatrial.serve.describe", os.fspath(model.absolute()), os.fspath(out), *pins]
        try:
            ended = subprocess.run(
                command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return _without(f"opening it took longer than {timeout:g} seconds")
        if ended.returncode != 0 or not out.is_file():
            return _without(_reason(ended))
        return _read(out.read_bytes())


def _read(described: bytes) -> Examined:
    try:
        found: dict[str, Any] = msgspec.json.decode(described)
        if error := found.get("error"):
            return Examined(flavour=found["flavour"], note=f"its signature is not known: {shown_text(error, _LONGEST)}")
        signature = msgspec.convert(found["signature"], Signature)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        return _without(f"what it says can't be read ({error})")
    return Examined(flavour=found["flavour"], digest=found["digest"], signature=signature)


def _reason(ended: "subprocess.CompletedProcess[bytes]") -> str:
    last = ended.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    how = f"signal {-ended.returncode}" if ended.returncode < 0 else f"status {ended.returncode}"
    return f"the process that opened it ended with {how}{': ' if last else ''}{shown_text(last, _LONGEST)}"


def _without(why: str) -> Examined:
    return Examined(note=f"its signature is not known: {why}")
