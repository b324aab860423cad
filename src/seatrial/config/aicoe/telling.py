"""Small texts that conversions share: lists in words, values for `seatrial.yaml`, and a command for what has none."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Final

_OF_THE_IMAGE: Final = frozenset(
    {"PATH", "HOME", "VIRTUAL_ENV", "PYTHONHOME", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PROMPT_COMMAND"}
)


def listed(words: Iterable[str]) -> str:
    """`build, deploy and gather`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def kept_environment(*environments: Mapping[str, str]) -> dict[str, str]:
    """Variables of an image and of its manifests, the latter winning, without those that only mean something in the image."""
    merged = {name: value for environment in environments for name, value in environment.items()}
    return {name: value for name, value in merged.items() if name not in _OF_THE_IMAGE}


def escaped(value: str) -> str:
    """A value for `env:`, where `${` refers to the caller's environment."""
    return value.replace("\0", "").replace("${", "$${")


def unknown_command(overlay: str, problem: str) -> str:
    """A command that says why there is none, and fails."""
    said = f"how {overlay} starts can't be told: {problem}".replace("$", "$$").replace("\0", "")
    return f"sh -c {shlex.quote(f'echo {shlex.quote(said)} >&2; exit 78')}"
