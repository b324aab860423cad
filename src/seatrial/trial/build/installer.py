"""How uv is called and what its failures mean."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from seatrial.logs import redact
from seatrial.records import PermanentError, SeatrialError, TemporaryError, UsageError
from seatrial.trial.build.commands import Finished
from seatrial.trial.build.declaration import Declaration, Kind

TIMEOUT: Final = 1800.0
SYSTEM_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_LEAKING: Final = ("PYTHON", "CONDA_", "VIRTUAL_ENV", "UV_PROJECT", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_WORKING_DIR")
_UNSOLVABLE: Final = (
    "No solution found",
    "not found in the package registry",
    "Couldn't parse",
    "Failed to parse",
    "needs to be updated",
    "incompatible with the project",
)
_CHATTER: Final = (
    "Using CPython",
    "Using Python",
    "Creating virtual",
    "Activate with",
    "Resolved",
    "warning: The `--pylock`",
)
_NETWORK: Final = ("error sending request", "Failed to fetch", "dns error", "operation timed out", "Connection refused")


def uv_commands(wanted: Declaration, env: Path, *, uv: str) -> list[tuple[str, ...]]:
    """The command lines that install a stack into the folder `env`, which does not exist yet."""
    python = wanted.python or str(getattr(sys, "_base_executable", sys.executable))
    quiet = ("--no-progress", "--color", "never")
    create = (uv, "venv", *quiet, "--python-preference", "system", "--python", python, str(env))
    install = (uv, "pip", "install", *quiet, "--python", str(env / "bin" / "python"), "--compile-bytecode")
    refresh = ("--refresh",) if wanted.local else ()
    if wanted.kind is Kind.NAMED:
        return [create, (*install, *wanted.extra)]
    if wanted.kind is Kind.UV_LOCK:
        sync = ("sync", *quiet, "--frozen", "--no-install-project", "--no-dev", "--no-editable", "--compile-bytecode")
        more = [(*install, *wanted.extra)] if wanted.extra else []
        return [create, (uv, *sync, *refresh, "--python", str(env / "bin" / "python")), *more]
    file = wanted.file if wanted.requirements is None else translated(env)
    return [create, (*install, *refresh, "-r", str(file), *wanted.extra)]


def translated(env: Path) -> Path:
    """Where the requirements of a stack lie whose own form uv does not read."""
    return env.parent / "requirements.txt"


def find_uv() -> str:
    """The uv that came with seatrial. Raises PermanentError."""
    from uv import find_uv_bin  # noqa: PLC0415 - only a build needs it

    try:
        return find_uv_bin()
    except FileNotFoundError:
        raise PermanentError("uv is not installed", remedy="install seatrial[trial], which brings it") from None


def uv_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment (indexes, proxies, certificates, caches) with its own Python first on PATH."""
    kept = {name: value for name, value in caller.items() if not name.startswith(_LEAKING)}
    if SYSTEM_CERTIFICATES.exists():
        # A company's own authority is in the system's bundle and not in the one that uv brings.
        kept.setdefault("UV_SYSTEM_CERTS", "1")
    base = str(Path(getattr(sys, "_base_executable", sys.executable)).parent)
    return {
        **kept,
        "PATH": os.pathsep.join([base, kept.get("PATH", os.defpath)]),
        "UV_NO_EDITABLE": "1",
        "NO_COLOR": "1",
    }


def explain(finished: Finished, *, where: str) -> SeatrialError:
    """The error for a uv that failed, with the end of what it said."""
    said = "\n".join(line for line in redact(finished.log_tail).splitlines() if not line.startswith(_CHATTER)).strip()
    what = f"the stack can't be built ({finished.ended}):\n{said}"
    if finished.timed_out:
        return PermanentError(f"the stack was not built within {TIMEOUT:g} s", where=where, remedy="look at its log")
    if any(sign in said for sign in _UNSOLVABLE):
        return UsageError(
            what, where=where, remedy="mend the requirements, or name another Python (`stack: {python: …}`)"
        )
    if any(sign in said for sign in _NETWORK):
        return TemporaryError(what, where=where, remedy="check the network and the index, then run again")
    return PermanentError(what, where=where, remedy="read uv's output above; `uv pip install` shows the same by hand")
