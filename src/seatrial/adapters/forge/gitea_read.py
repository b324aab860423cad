"""Gitea's JSON as records, and checks as Gitea's commit statuses."""

from collections.abc import Mapping
from typing import Any, Final

from seatrial.records import Check, CheckPhase, Conclusion, Permission, PostedComment, PullRequest, PullState

Json = Mapping[str, Any]

_PERMISSIONS: Final = {
    "owner": Permission.ADMIN,
    "admin": Permission.ADMIN,
    "write": Permission.WRITE,
    "read": Permission.READ,
}


def pull_of(data: Json, repository: str) -> PullRequest:
    """A pull request.

    Raises:
        KeyError, TypeError: this is none.
    """
    head, base = data["head"], data["base"]
    return PullRequest(
        repository=repository,
        number=data["number"],
        state=PullState.MERGED if data.get("merged") else PullState(data["state"]),
        title=data["title"],
        author=_login(data),
        head=head["sha"],
        base=base["sha"],
        head_ref=head["ref"],
        base_ref=base["ref"],
        head_repository=_same_name((head.get("repo") or {}).get("full_name", ""), repository, base),
        url=data.get("html_url", ""),
        draft=bool(data.get("draft")),
        labels=tuple(label["name"] for label in data.get("labels") or ()),
    )


def _same_name(head: str, repository: str, base: Json) -> str:
    """The repository as the caller names it, who may have another case or a name from before it was renamed."""
    return repository if head == (base.get("repo") or {}).get("full_name") else head


def comment_of(data: Json, account: str | None) -> PostedComment:
    """A comment, for a token of `account`; None where that is not known.

    Raises:
        KeyError, TypeError: this is none.
    """
    author = _login(data)
    return PostedComment(
        id=str(data["id"]),
        author=author,
        body=data["body"],
        url=data.get("html_url", ""),
        own=None if account is None else author == account,
    )


def permission_of(data: Json) -> Permission:
    """What an account may do; a word that is not known grants nothing."""
    return _PERMISSIONS.get(data["permission"], Permission.NONE)


def status_of(check: Check) -> dict[str, str]:
    """The commit status that shows a check.

    Only `success` lets a change pass on every version. `warning` would suit an inconclusive trial, and Gitea 1.24 and 1.25
    merge on it; so whatever decided nothing is an `error`, beside `failure`, which decided.
    """
    return {
        "context": check.name,
        "state": _state(check),
        "description": check.title,
        "target_url": check.url,
    }


def _state(check: Check) -> str:
    if check.phase is not CheckPhase.DONE:
        return "pending"
    return {Conclusion.SUCCESS: "success", Conclusion.FAILURE: "failure"}.get(check.conclusion, "error")  # type: ignore[arg-type]


def shows(data: Json, status: Mapping[str, str]) -> bool:
    """Whether a status of a commit is the wanted one."""
    # In lists and in answers the state's key is `status`, in requests `state`.
    found = {"state": data["status"]} | {key: data.get(key) or "" for key in ("context", "description", "target_url")}
    return found == status


def _login(data: Json) -> str:
    return str((data.get("user") or {}).get("login", ""))
