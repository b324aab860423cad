"""Words for what GitHub refuses: which right the token lacks, and the lines that grant it.

GitHub says no more than "Resource not accessible by integration", and answers 404 where a token may not even know. Whoever
reads that in the log of a CI job needs the lines to write.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seatrial.adapters.forge.github_bearer import Bearer
from seatrial.logs import shown_text
from seatrial.records import PermanentError

ACCEPTED: Final = "x-accepted-github-permissions"
_SSO: Final = "x-github-sso"
_WORDS: Final = 300
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE, _UNPROCESSABLE = 401, 403, 404, 410, 422
_USUAL: Final = {"contents": "read", "pull-requests": "write", "checks": "write"}
_CLASSIC: Final = {
    "pull-requests": "the scope `repo` (`public_repo` where the repository is public)",
    "statuses": "the scope `repo:status`",
    "checks": "nothing: a check is for Apps and workflows, others have the scope `repo:status` for a commit status",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a request is for.

    Attributes:
        doing: after "the token may not".
        where: what it is about: `owner/name#7`.
        thing: that there would have to be.
        permission: that GitHub asks for, as workflows name it; `metadata` is what every token has.
        level: of it.
    """

    doing: str
    where: str
    thing: str
    permission: str
    level: str = "write"


class ForbiddenError(PermanentError):
    """GitHub knows the token, and the token lacks a right.

    Attributes:
        for_apps: whether no token of a person's can have that right.
    """

    for_apps: bool = False


def refusal(
    aim: Aim,
    status: int,
    headers: Mapping[str, str],
    data: Any,  # noqa: ANN401 - JSON
    bearer: Bearer,
) -> PermanentError:
    """The error for an answer that no retry mends.

    Args:
        aim: what was asked for.
        status: of the answer.
        headers: with names in lower case.
        data: of the answer's body.
        bearer: whose token was sent; it is in no message.
    """
    words = said(data, bearer.token)
    if status == _UNAUTHORIZED:
        return _not_accepted(aim, bearer)
    if status == _FORBIDDEN:
        return _forbidden(aim, headers, words, bearer)
    if status in {_NOT_FOUND, _GONE}:
        return _unseen(aim, bearer)
    if status == _UNPROCESSABLE:
        return PermanentError(f"GitHub can't {aim.doing}: {words or 'it does not say why'}", where=aim.where)
    return PermanentError(f"GitHub answered {status}{f': {words}' if words else ''}", where=aim.where)


def said(data: Any, token: str) -> str:  # noqa: ANN401 - JSON
    """GitHub's own words, on one line, without the token."""
    if not isinstance(data, dict):
        return ""
    errors = data.get("errors")
    details = map(_detail, errors if isinstance(errors, list) else [])
    parts = (str(data.get("message") or ""), *details)
    text = " ".join("; ".join(part for part in parts if part).split())
    return shown_text(hidden(text, token), _WORDS)


def hidden(text: str, token: str) -> str:
    """A text without the token."""
    return text.replace(token, "***") if token else text


def _detail(error: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(error, dict):
        return str(error)
    field = f"{error.get('field')} " if error.get("field") else ""
    return str(error.get("message") or f"{field}{error.get('code') or ''}".strip())


def _unseen(aim: Aim, bearer: Bearer) -> PermanentError:
    if bearer.installation:
        return PermanentError(
            f"there is no {aim.thing}, or the App may not see it",
            where=aim.where,
            remedy=f"look for a mistyped name; if there is one, add the repository to the installation: {bearer.installation}",
        )
    return PermanentError(
        f"there is no {aim.thing}, or the token may not see it",
        where=aim.where,
        remedy=f"look for a mistyped name; if there is one, {_grant(aim.permission, 'read', bearer)}",
    )


def _not_accepted(aim: Aim, bearer: Bearer) -> PermanentError:
    if not bearer.token:
        return PermanentError(
            f"without a token nobody may {aim.doing}", where=aim.where, remedy="set GITHUB_TOKEN, or forge.token"
        )
    return PermanentError(
        "GitHub does not accept the token: it is mistyped, expired or revoked",
        where=aim.where,
        remedy="make a new one, and set GITHUB_TOKEN or forge.token to it",
    )


def _forbidden(aim: Aim, headers: Mapping[str, str], words: str, bearer: Bearer) -> ForbiddenError:
    permission, level = _needed(aim, headers.get(ACCEPTED, ""))
    refused = f"the App may not {aim.doing}" if bearer.installation else f"the token may not {aim.doing}"
    error = ForbiddenError(
        f"{refused}{f' (GitHub: {words})' if words else ''}",
        where=aim.where,
        remedy=_known_cause(headers, words) or _grant(permission, level, bearer),
    )
    error.for_apps = "github app" in words.lower() or "personal access token" in words.lower()
    return error


def _known_cause(headers: Mapping[str, str], words: str) -> str:
    if _SSO in headers:
        return "authorise the token for single sign-on of the organisation, in the settings of the token"
    if "locked" in words.lower():
        return "unlock the conversation of the pull request"
    if "archived" in words.lower():
        return "the repository is archived: nothing in it changes any more"
    return ""


def _needed(aim: Aim, accepted: str) -> tuple[str, str]:
    """The permission to name: of GitHub's alternatives (`issues=write; pull_requests=write`) the one that was aimed at."""
    for alternative in accepted.split(";"):
        pairs = (pair.strip().partition("=") for pair in alternative.split(","))
        named = {name.replace("_", "-"): level for name, _, level in pairs if name and level}
        if aim.permission in named:
            return aim.permission, named[aim.permission]
        if named and ";" not in accepted:
            return next(iter(named.items()))
    return aim.permission, aim.level


def _grant(permission: str, level: str, bearer: Bearer) -> str:
    """What grants a permission to a token of this kind; tokens of old servers say nothing of their kind."""
    workflow, fine, classic = _workflow(permission, level), _fine(permission, level), _classic(permission)
    token = bearer.token
    if bearer.installation:
        return f"give the App {fine} (Permissions & events), and accept that in its installation: {bearer.installation}"
    if token.startswith("ghs_"):
        return workflow
    if token.startswith("github_pat_"):
        return f"give the token {fine}"
    if token.startswith(("ghp_", "gho_")):
        return f"give the token {classic}"
    return f"{workflow}\n(a fine-grained token: {fine}; a classic one: {classic})"


def _workflow(permission: str, level: str) -> str:
    named = _USUAL if permission == "metadata" else {**_USUAL, permission: level}
    stronger = {name: "write" if _USUAL.get(name) == "write" else wanted for name, wanted in named.items()}
    lines = "".join(f"\n  {name}: {wanted}" for name, wanted in stronger.items())
    own = "" if permission == "metadata" else f", an App needs {_fine(permission, level)}"
    return (
        f"write this into the workflow{own} (a fork's pull request has a token that only reads, whatever is written):"
        f"\npermissions:{lines}"
    )


def _fine(permission: str, level: str) -> str:
    name = {"statuses": "Commit statuses"}.get(permission, permission.replace("-", " ").capitalize())
    return f"“{name}: {'Read and write' if level == 'write' else 'Read-only'}” of the repository"


def _classic(permission: str) -> str:
    return _CLASSIC.get(permission, _CLASSIC["pull-requests"])
