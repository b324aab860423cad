"""The environment that a cell's processes get: their own stack first, nothing of seatrial's, no secrets by accident.

A deployment must behave the same whoever runs the trial, so only what a program needs to run on this machine is passed
on (`PASSED_ON`, `PASSED_ON_PREFIXES`). Tokens of the forge or of a package index, `PYTHONPATH`, `VIRTUAL_ENV`, `UV_*` and
`PIP_*` are not. Whatever else a project needs it names under `env:`, where `${NAME}` reads the caller's environment.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from seatrial.records import UsageError
from seatrial.trial.build.stack import Stack

PASSED_ON: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "TORCH_HOME", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    }
)
PASSED_ON_PREFIXES: Final = ("LC_", "CUDA", "NVIDIA_", "OMP_", "MKL_", "OPENBLAS_")
_REFERENCE: Final = re.compile(r"\$\$(?=\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def cell_environment(
    stack: Stack,
    declared: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
    *,
    caller: Mapping[str, str],
    where: str = "",
) -> dict[str, str]:
    """The whole environment of a process that runs in `stack`.

    Args:
        stack: its `bin` comes first on PATH; seatrial's own does not stay there, so a program that the stack lacks isn't
            found by accident.
        declared: the `env:` of the project; wins over what is passed on.
        extra: what seatrial adds (`PORT`, `DEPLOYED_MODEL_URL`); wins over `declared`.
        caller: the environment that seatrial was started with.
        where: the cell, for messages.

    Raises:
        UsageError: `env:` refers to a variable that isn't set.
    """
    passed = {name: value for name, value in caller.items() if _is_passed_on(name)}
    passed["PATH"] = _search_path(stack, caller)
    if stack.prefix is not None:
        passed["VIRTUAL_ENV"] = str(stack.prefix)
    passed |= _past_proxies(passed)
    passed["PYTHONUNBUFFERED"] = "1"
    return {**passed, **fill_in(declared, caller, where=where), **(extra or {})}


def fill_in(declared: Mapping[str, str], caller: Mapping[str, str], *, where: str = "") -> dict[str, str]:
    """The declared variables with `${NAME}` and `${NAME:-default}` read from the caller's environment.

    `$${` stands for a literal `${`; a `$` before anything else stays as it is. Raises UsageError for a variable that
    isn't set and has no default.
    """
    return {name: filled(text, caller, what=f"env.{name}", where=where) for name, text in declared.items()}


def filled(text: str, caller: Mapping[str, str], *, what: str, where: str = "") -> str:
    """`text` with its references filled in, as `fill_in` does.

    Args:
        text: as declared.
        caller: the environment that seatrial was started with.
        what: what `text` is, for the message: `env.TOKEN`, `the url`.
        where: where it is declared, for the message.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        found = caller.get(match[1])
        if match[2] is not None:
            return found or match[2]
        if found is None:
            raise UsageError(
                f"{what} refers to ${{{match[1]}}}, which is not set",
                where=where,
                remedy=f"export {match[1]}, or give a default: ${{{match[1]}:-value}}",
            )
        return found

    return _REFERENCE.sub(value, text)


def _is_passed_on(name: str) -> bool:
    return name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)


def _past_proxies(passed: Mapping[str, str]) -> dict[str, str]:
    """Where proxies are set, this machine is spoken to directly: a deployment under trial listens on its loopback."""
    if not any(name.lower().endswith("_proxy") for name in passed):
        return {}
    told = passed.get("no_proxy") or passed.get("NO_PROXY") or ""
    direct = ",".join([*filter(None, [told]), "127.0.0.1", "localhost"])
    return {"no_proxy": direct, "NO_PROXY": direct}


def _search_path(stack: Stack, caller: Mapping[str, str]) -> str:
    parts = [part for part in caller.get("PATH", os.defpath).split(os.pathsep) if part]
    if not stack.host:
        parts = [part for part in parts if Path(part) not in _own_folders(caller)]
    return os.pathsep.join(dict.fromkeys([str(stack.bin), *parts]))


def _own_folders(caller: Mapping[str, str]) -> set[Path]:
    """The program folders of the virtual environments that seatrial runs in and was started from."""
    own = {Path(sys.prefix) / "bin"} if sys.prefix != sys.base_prefix else set()
    return own | ({Path(caller["VIRTUAL_ENV"]) / "bin"} if caller.get("VIRTUAL_ENV") else set())
