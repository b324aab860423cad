"""GitLab's deliveries (https://docs.gitlab.com/user/project/integrations/webhook_events/)."""

from typing import Final

from msgspec import Struct

from seatrial.records import Hook, HookKind
from seatrial.web.hooks.shapes import Commit, Ident, Name, Number, Passed, commented, decoded

PLAIN: Final = {
    "open": HookKind.OPENED,
    "reopen": HookKind.REOPENED,
    "close": HookKind.CLOSED,
    "merge": HookKind.CLOSED,
}
_NEW: Final = {"create", ""}
"""Actions of a new comment; older GitLabs tell no action, and tell of new comments only."""


class KindJson(Struct, frozen=True):
    """What every payload begins with."""

    object_kind: str = ""


class UserJson(Struct, frozen=True):
    """An account."""

    username: Name


class ProjectJson(Struct, frozen=True):
    """A repository."""

    path_with_namespace: Name


class CommitJson(Struct, frozen=True):
    """A commit."""

    id: Commit


class MergeJson(Struct, frozen=True):
    """`object_attributes` of a merge request; `oldrev` is there if commits came."""

    iid: Number
    last_commit: CommitJson | None = None
    action: str = ""
    oldrev: str | None = None


class TitleJson(Struct, frozen=True):
    """A label."""

    title: str = ""


class LabelsJson(Struct, frozen=True):
    """How the labels changed."""

    previous: tuple[TitleJson, ...] = ()
    current: tuple[TitleJson, ...] = ()


class DraftJson(Struct, frozen=True):
    """How being a draft changed."""

    previous: bool | None = None
    current: bool | None = None


class ChangesJson(Struct, frozen=True):
    """`changes`."""

    labels: LabelsJson | None = None
    draft: DraftJson | None = None


class MergeRequestJson(Struct, frozen=True):
    """The event `merge_request`."""

    user: UserJson
    project: ProjectJson
    object_attributes: MergeJson
    changes: ChangesJson | None = None


class NoteJson(Struct, frozen=True):
    """`object_attributes` of a comment; GitLab writes some itself (`system`), and calls remarks on code `DiffNote`."""

    id: Ident
    note: str = ""
    noteable_type: str = ""
    action: str | None = None
    type: str | None = None
    system: bool = False


class MergeOfNoteJson(Struct, frozen=True):
    """`merge_request` of a comment."""

    iid: Number
    last_commit: CommitJson | None = None


class NoteEventJson(Struct, frozen=True):
    """The event `note`."""

    user: UserJson
    project: ProjectJson
    object_attributes: NoteJson
    merge_request: MergeOfNoteJson | None = None


def read(_event: str, body: bytes) -> Hook | Passed:
    """What a delivery says, without its id; the body tells which event it is. Raises UsageError for what GitLab doesn't send."""
    kind = decoded(body, KindJson).object_kind
    if kind == "merge_request":
        return _merge(decoded(body, MergeRequestJson))
    if kind == "note":
        return _note(decoded(body, NoteEventJson))
    return Passed(why="an event that starts nothing")


def _merge(given: MergeRequestJson) -> Hook | Passed:
    about = given.object_attributes
    kind = PLAIN.get(about.action) if about.action != "update" else _updated(given)
    if kind is None:
        return Passed(why="an action that starts nothing")
    return Hook(
        delivery="",
        kind=kind,
        repository=given.project.path_with_namespace,
        number=about.iid,
        head=_commit(about.last_commit),
        label=_added(given) if kind is HookKind.LABELLED else "",
        author=given.user.username,
    )


def _updated(given: MergeRequestJson) -> HookKind | None:
    """What an update is: new commits, the end of being a draft, a new label, or nothing that matters."""
    if given.object_attributes.oldrev:
        return HookKind.SYNCHRONISED
    draft = None if given.changes is None else given.changes.draft
    if draft is not None and draft.previous and not draft.current:
        return HookKind.OPENED
    return HookKind.LABELLED if _added(given) else None


def _added(given: MergeRequestJson) -> str:
    """The first label that is new; empty if there is none."""
    labels = None if given.changes is None else given.changes.labels
    if labels is None:
        return ""
    before = {label.title for label in labels.previous}
    return next((label.title for label in labels.current if label.title not in before), "")


def _commit(given: CommitJson | None) -> str:
    return "" if given is None else given.id


def _note(given: NoteEventJson) -> Hook | Passed:
    about = given.object_attributes
    if about.noteable_type != "MergeRequest" or given.merge_request is None:
        return Passed(why="a comment that is not on a merge request")
    if (about.action or "") not in _NEW:
        return Passed(why="a comment that is not new")
    if about.system or about.type == "DiffNote":
        return Passed(why="a comment that is not on a merge request's conversation")
    return commented(
        repository=given.project.path_with_namespace,
        number=given.merge_request.iid,
        author=given.user.username,
        comment=about.note,
        ident=about.id,
        head=_commit(given.merge_request.last_commit),
    )
