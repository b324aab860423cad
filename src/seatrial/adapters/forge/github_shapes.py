"""GitHub's JSON as our records, and a check as the JSON that GitHub takes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from seatrial.adapters.forge.github_refusals import Aim
from seatrial.records import (
    Annotation,
    Check,
    CheckPhase,
    Conclusion,
    ForgeLimits,
    PermanentError,
    Permission,
    PullRequest,
    PullState,
)

T = TypeVar("T")
LIMITS: Final = ForgeLimits(comment=65_536, summary=65_535, annotations=200)
BATCH: Final = 50
_GHOST: Final = "ghost"  # GitHub's own name for accounts that are gone
_DESCRIPTION: Final = 140
_NAME: Final = 255
_MESSAGE: Final = 60_000  # GitHub takes 64 KB
_PHASES: Final = {CheckPhase.QUEUED: "queued", CheckPhase.RUNNING: "in_progress", CheckPhase.DONE: "completed"}
_PERMISSIONS: Final = {"admin": Permission.ADMIN, "write": Permission.WRITE, "read": Permission.READ}


def shaped(convert: Callable[[Any], T], data: Any, aim: Aim) -> T:  # noqa: ANN401 - JSON
    """What GitHub sent as a record. Raises PermanentError if it sent something else."""
    try:
        return convert(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PermanentError(
            "this does not answer as GitHub does", where=aim.where, remedy="see forge.url and forge.api"
        ) from error


def to_pull(data: Mapping[str, Any]) -> PullRequest:
    """A pull request. Its repository is named as it is called now, not as it was asked for."""
    head, base = data["head"], data["base"]
    return PullRequest(
        repository=base["repo"]["full_name"],
        number=data["number"],
        state=_state(data),
        title=data["title"],
        author=login(data["user"]),
        head=head["sha"],
        base=base["sha"],
        head_ref=head["ref"],
        base_ref=base["ref"],
        head_repository=(head["repo"] or {}).get("full_name", ""),
        url=data["html_url"],
        draft=bool(data.get("draft")),
        labels=tuple(label["name"] for label in data["labels"]),
    )


def _state(data: Mapping[str, Any]) -> PullState:
    if data["merged"]:
        return PullState.MERGED
    return PullState.OPEN if data["state"] == "open" else PullState.CLOSED


def login(user: Mapping[str, Any] | None) -> str:
    """An account's name."""
    return _GHOST if user is None else str(user["login"])


def to_permission(data: Mapping[str, Any]) -> Permission:
    """The base of a person's role: `maintain` is write, `triage` is read, and a role of the organisation's has a base too."""
    return _PERMISSIONS.get(data["permission"], Permission.NONE)


def run_fields(check: Check) -> dict[str, Any]:
    """What a check run shall be, without name, commit and annotations."""
    fields: dict[str, Any] = {
        "status": _PHASES[check.phase],
        "external_id": check.key,
        "output": {"title": cut(check.title, _NAME), "summary": cut_bytes(check.summary, LIMITS.summary)},
    }
    if check.url:
        fields["details_url"] = check.url
    if check.started is not None:
        fields["started_at"] = _moment(check.started)
    if check.phase is CheckPhase.DONE:
        fields["conclusion"] = _conclusion(check).value
        if check.ended is not None:
            fields["completed_at"] = _moment(check.ended)
    return fields


def shows(run: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether a check run is as it shall be, but for its times."""
    output = run.get("output") or {}
    return (
        all(run.get(key) == fields.get(key) for key in ("status", "conclusion", "external_id"))
        and ("details_url" not in fields or run.get("details_url") == fields["details_url"])
        and all((output.get(key) or "") == fields["output"][key] for key in ("title", "summary"))
    )


def to_annotation(annotation: Annotation) -> dict[str, Any]:
    """A remark at a line; a message has to have text."""
    return {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": annotation.level.value,
        "title": cut(annotation.title, _NAME),
        "message": cut_bytes(annotation.message.strip() or annotation.title, _MESSAGE),
    }


def annotation_key(annotation: Mapping[str, Any]) -> Sequence[Any]:
    """What tells remarks apart."""
    return tuple(annotation.get(key) for key in ("path", "start_line", "annotation_level", "title", "message"))


def status_fields(check: Check) -> dict[str, str]:
    """What a commit status shall be.

    A status knows no neutral: what is inconclusive or broken is `error`, which is red, and its line says which. So is what was
    cancelled; `pending` would wait for ever.
    """
    fields = {"state": _status(check), "description": cut(check.title, _DESCRIPTION), "context": cut(check.name, _NAME)}
    return {**fields, "target_url": check.url} if check.url else fields


def _status(check: Check) -> str:
    if check.phase is not CheckPhase.DONE:
        return "pending"
    conclusion = _conclusion(check)
    return conclusion.value if conclusion in {Conclusion.SUCCESS, Conclusion.FAILURE} else "error"


def _conclusion(check: Check) -> Conclusion:
    if check.conclusion is None:
        raise ValueError(f"a check that is done has a conclusion: {check.name}")
    return check.conclusion


def cut(text: str, characters: int) -> str:
    """At most so many characters of a text."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def cut_bytes(text: str, size: int) -> str:
    """At most so many bytes of UTF-8 of a text."""
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "…"


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
