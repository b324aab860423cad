"""A GitHub App's private key, from where `forge.key` says it is. What it holds is in no message."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from seatrial.adapters.forge.github_app import AppKey
from seatrial.records import ForgeSpec, UsageError
from seatrial.trial.build.environment import filled

_WHERE: Final = "forge.key"
_VARIABLE: Final = re.compile(r"\$\{\w+\}")
_BEGIN: Final = "-----BEGIN"
_ANOTHER: Final = "download one on the App's page (General, Private keys), and name that file"


def read_key(spec: ForgeSpec, environ: Mapping[str, str], project: Path) -> AppKey:
    r"""The key of `spec.app`.

    Args:
        spec: `key` is a file, relative to the project's folder, or `${NAME}` of a variable that holds the key itself, where
            `\n` may stand for the ends of its lines.
        environ: the environment.
        project: its folder.

    Raises:
        UsageError: it is not there, or is no private key of an App.
    """
    if _BEGIN in spec.key:
        raise UsageError(
            "the App's key itself is written there, for everyone who reads the file",
            where=_WHERE,
            remedy="make a new key, since this one was shown; write the name of its file, or ${NAME} of a variable that holds it",
        )
    given = filled(spec.key, environ, what="the App's key", where=_WHERE)
    text = given.replace("\\n", "\n") if _VARIABLE.fullmatch(spec.key) else _in_file(project / given, spec.key)
    return AppKey(app=spec.app, key=_parsed(text, spec.key))


def _in_file(path: Path, written: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no name of a file"
        raise UsageError(
            f"the file of the App's key can't be read: {written}: {why}",
            where=_WHERE,
            remedy="name it relative to the project's folder",
        ) from None


def _parsed(text: str, written: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(text.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise UsageError(f"{written} holds no private key of a GitHub App", where=_WHERE, remedy=_ANOTHER)
    return key
