"""Why a trial is cancelled, in words that people read and that tell the newer commit, where that is the reason."""

from typing import Final

CLOSED: Final = "the pull request was closed"
_NEWER: Final = "a newer commit came: "
AGAIN: Final = "it was asked for again, with other options"


def newer(commit: str) -> str:
    """Because of a newer commit."""
    return f"{_NEWER}{commit}"


def asked(account: str) -> str:
    """Because somebody asked."""
    return f"{account} asked for it"


def superseding(why: str) -> str:
    """The commit that is newer; empty if the reason is another."""
    return why.removeprefix(_NEWER) if why.startswith(_NEWER) else ""
