"""How GitLab writes what it keeps (docs.gitlab.com/api)."""

from datetime import UTC, datetime
from typing import Any

from tests.forges.gitlab.state import Account, MergeRequest, Note, Pipeline, Project, State, Status

Json = dict[str, Any]
_THEN = datetime(2026, 1, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z")


def user(account: Account) -> Json:
    """A user as everybody sees it."""
    return {
        "id": account.id,
        "username": account.username,
        "name": account.username.title(),
        "state": account.state,
        "locked": False,
        "avatar_url": None,
        "web_url": f"https://gitlab.example.org/{account.username}",
    }


def own_user(account: Account) -> Json:
    """A user as it sees itself."""
    return {**user(account), "created_at": _THEN, "bot": True, "email": None, "external": False, "confirmed_at": _THEN}


def member(account: Account, level: int) -> Json:
    """A member: the user with the level beside."""
    return {
        **user(account),
        "access_level": level,
        "created_at": _THEN,
        "expires_at": None,
        "membership_state": "active",
    }


def project(found: Project) -> Json:
    """A project."""
    name = found.path.rpartition("/")[2]
    return {
        "id": found.id,
        "description": None,
        "name": name,
        "path": name,
        "path_with_namespace": found.path,
        "created_at": _THEN,
        "default_branch": "main",
        "topics": [],
        "visibility": "public" if found.public else "private",
        "archived": False,
        "empty_repo": False,
    }


def branch(found: Project, name: str) -> Json:
    """A branch with its newest commit."""
    sha = found.branches[name][-1]
    return {
        "name": name,
        "merged": False,
        "protected": name == "main",
        "default": name == "main",
        "can_push": True,
        "commit": {"id": sha, "short_id": sha[:8], "created_at": _THEN, "parent_ids": [], "title": "a commit"},
    }


def request_basic(found: MergeRequest) -> Json:
    """A merge request in a list."""
    return {
        "id": 50_000 + found.iid,
        "iid": found.iid,
        "project_id": found.project.id,
        "title": f"Draft: {found.title}" if found.draft else found.title,
        "description": None,
        "state": found.state,
        "created_at": _THEN,
        "updated_at": _THEN,
        "target_branch": "main",
        "source_branch": found.source_branch,
        "author": user(found.author),
        "assignees": [],
        "reviewers": [],
        "source_project_id": None if found.source is None else found.source.id,
        "target_project_id": found.project.id,
        "labels": found.labels,
        "draft": found.draft,
        "work_in_progress": found.draft,
        "merge_status": "can_be_merged",
        "sha": found.commits[-1] if found.commits else None,
        "references": {
            "short": f"!{found.iid}",
            "relative": f"!{found.iid}",
            "full": f"{found.project.path}!{found.iid}",
        },
        "web_url": f"https://gitlab.example.org/{found.project.path}/-/merge_requests/{found.iid}",
    }


def request(found: MergeRequest) -> Json:
    """A merge request alone."""
    base = found.project.branches.get("main", [None])[0]
    refs = {"base_sha": base, "head_sha": found.commits[-1], "start_sha": base} if found.commits else None
    return {**request_basic(found), "subscribed": False, "head_pipeline": None, "pipeline": None, "diff_refs": refs}


def note(found: Note) -> Json:
    """A note."""
    written = found.created.isoformat()
    return {
        "id": found.id,
        "type": found.type,
        "body": found.body,
        "author": user(found.author),
        "created_at": written,
        "updated_at": written,
        "system": found.system,
        "noteable_id": 50_000 + found.request.iid,
        "noteable_type": "MergeRequest",
        "project_id": found.request.project.id,
        "noteable_iid": found.request.iid,
        "resolvable": False,
        "confidential": False,
        "internal": False,
        "imported": False,
        "commands_changes": {},
    }


def award(state: State, found: Note, account: Account, name: str) -> Json:
    """A reaction on a note."""
    moment = state.now().isoformat()
    return {
        "id": next(state.ids),
        "name": name,
        "user": user(account),
        "created_at": moment,
        "updated_at": moment,
        "awardable_id": found.id,
        "awardable_type": "Note",
        "url": None,
    }


def pipeline(found: Pipeline) -> Json:
    """A pipeline in a list."""
    return {
        "id": found.id,
        "iid": found.id,
        "project_id": found.project.id,
        "sha": found.sha,
        "ref": found.ref,
        "status": "running",
        "source": found.source,
        "created_at": _THEN,
        "updated_at": _THEN,
        "web_url": f"https://gitlab.example.org/{found.project.path}/-/pipelines/{found.id}",
    }


def status(found: Status) -> Json:
    """A commit's status."""
    return {
        "id": found.id,
        "sha": found.pipeline.sha,
        "ref": found.pipeline.ref,
        "status": found.state,
        "name": found.name,
        "target_url": found.url,
        "description": found.description,
        "created_at": _THEN,
        "started_at": None,
        "finished_at": None,
        "allow_failure": False,
        "coverage": None,
        "pipeline_id": found.pipeline.id,
        "author": user(found.author),
    }
