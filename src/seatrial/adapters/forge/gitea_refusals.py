"""What Gitea's refusals mean, and what the reader can do about each."""

import re
from typing import Final

import httpx

from seatrial.logs import shown_text
from seatrial.records import PermanentError, SeatrialError, TemporaryError

SCOPES: Final = "`write:repository`, `write:issue` and `read:user`"
_SCOPE: Final = re.compile(r"required=\[([^\]]*)\]")
_LONGEST: Final = 300
_ADMINS: Final = "Only admins"
_FORBIDDEN, _NOT_FOUND, _SERVER = 403, 404, 500
_BUSY: Final = frozenset({408, 425, 429})
_MEANINGS: Final = {
    401: (
        "the forge does not accept the token",
        f"make one with {SCOPES} in the account's settings, Applications, and set it where the old one was",
    ),
    413: (
        "the text is too large for the forge, or for the proxy before it",
        "raise the proxy's limit (nginx: client_max_body_size)",
    ),
    423: ("the repository takes no changes", "take it out of the archive, in its settings"),
}


class MissingError(PermanentError):
    """Nothing is there that the token's account may see."""


def refused(response: httpx.Response, where: str) -> SeatrialError:
    """The error that an answer other than success stands for: a TemporaryError where another try may help."""
    status, said = response.status_code, _said(response)
    if status == _NOT_FOUND:
        return MissingError(
            "the forge knows nothing there, or the token's account may not see it",
            where=where,
            remedy="look whether it is still there, and whether the account is a collaborator of the repository",
        )
    if status >= _SERVER or status in _BUSY:
        return TemporaryError(
            f"the forge can't right now: it answered {status}{_because(said)}",
            where=where,
            remedy="try again; if that stays so, look at its log",
        )
    if status == _FORBIDDEN:
        return _forbidden(said, where)
    what, remedy = _MEANINGS.get(status, (f"the forge refuses with {status}", ""))
    return PermanentError(f"{what}{_because(said)}", where=where, remedy=remedy)


def silent(error: httpx.HTTPError, where: str) -> TemporaryError:
    """The error for a forge that does not answer."""
    why = shown_text(f"{type(error).__name__}: {error}".rstrip(": "), _LONGEST)
    return TemporaryError(
        f"the forge does not answer ({why})", where=where, remedy="look whether it runs, and at `forge.url`"
    )


def garbled(where: str) -> PermanentError:
    """The error for what answers and is no Gitea."""
    return PermanentError(
        "this does not answer as Gitea's API does",
        where=where,
        remedy="write `forge.url` as people open it in a browser; a proxy with a login of its own is no way to the API",
    )


def _forbidden(said: str, where: str) -> PermanentError:
    if scopes := _SCOPE.search(said):
        named = ", ".join(f"`{scope}`" for scope in re.split(r"[\s,]+", scopes[1].strip()))
        return PermanentError(
            f"the token lacks the scope {named}",
            where=where,
            remedy=f"make a token with {SCOPES} in the account's settings, Applications",
        )
    if said.startswith(_ADMINS):
        return PermanentError(
            "the forge tells who may write to the repository's administrators alone",
            where=where,
            remedy="give the token's account Administrator permission in the repository's settings, Collaborators",
        )
    return PermanentError(
        f"the token's account may not do that{_because(said)}",
        where=where,
        remedy="give the account Write permission in the repository's settings, Collaborators",
    )


def _said(response: httpx.Response) -> str:
    """The answer's message, safe to show; empty if it has none."""
    try:
        found = response.json()
        return shown_text(str(found["message"]), _LONGEST)
    except (ValueError, KeyError, TypeError):
        return ""


def _because(said: str) -> str:
    return f": {said}" if said else ""
