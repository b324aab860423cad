"""What forges send, with the fields that their documentation says and a few that nobody asks for."""

import json
from collections.abc import Mapping
from typing import Any

A, B = "a" * 40, "b" * 40
REPOSITORY = "ada/fraud"


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` in which `changes` were made, also deep inside."""
    result = dict(base)
    for key, value in changes.items():
        deep = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if deep else value
    return result


def github_user(login: str, number: int) -> dict[str, Any]:
    """A simple user."""
    site = f"https://api.github.com/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": "MDQ6VXNlcjE=",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "gravatar_id": "",
        "url": site,
        "html_url": f"https://github.com/{login}",
        "followers_url": f"{site}/followers",
        "type": "User",
        "site_admin": False,
    }


def _github_repository() -> dict[str, Any]:
    return {
        "id": 4711,
        "node_id": "R_1",
        "name": "fraud",
        "full_name": REPOSITORY,
        "private": False,
        "owner": github_user("ada", 1),
        "html_url": f"https://github.com/{REPOSITORY}",
        "default_branch": "main",
        "topics": [],
        "license": None,
    }


def github_pull(action: str, **changes: Any) -> dict[str, Any]:
    """The event `pull_request`."""
    side = {"label": "ada:tune", "ref": "tune", "user": github_user("ada", 1), "repo": _github_repository()}
    base = {
        "action": action,
        "number": 7,
        "pull_request": {
            "id": 99,
            "number": 7,
            "state": "open",
            "locked": False,
            "title": "Tune the fraud model \N{ROCKET}",
            "user": github_user("bob", 2),
            "body": 'A "body"\r\nwith lines',
            "labels": [],
            "draft": False,
            "head": {**side, "sha": B},
            "base": {**side, "ref": "main", "sha": A},
            "merged": False,
            "mergeable": None,
            "commits": 1,
            "additions": 3,
        },
        "repository": _github_repository(),
        "sender": github_user("bob", 2),
        "installation": {"id": 5, "node_id": "x"},
    }
    return merged(base, changes)


def github_comment(body: str = "/seatrial run", action: str = "created", **changes: Any) -> dict[str, Any]:
    """The event `issue_comment` on a pull request."""
    site = f"https://api.github.com/repos/{REPOSITORY}"
    base = {
        "action": action,
        "issue": {
            "id": 8,
            "number": 7,
            "title": "Tune the fraud model",
            "user": github_user("bob", 2),
            "state": "open",
            "pull_request": {"url": f"{site}/pulls/7", "html_url": f"https://github.com/{REPOSITORY}/pull/7"},
        },
        "comment": {
            "id": 123456789012,
            "node_id": "IC_1",
            "user": github_user("carol", 3),
            "body": body,
            "created_at": "2026-03-01T12:00:00Z",
            "updated_at": "2026-03-01T12:00:00Z",
            "author_association": "MEMBER",
        },
        "repository": _github_repository(),
        "sender": github_user("carol", 3),
    }
    return merged(base, changes)


def _gitlab_user() -> dict[str, Any]:
    return {"id": 2, "name": "Bob", "username": "bob", "avatar_url": None, "email": "[REDACTED]"}


def _gitlab_project() -> dict[str, Any]:
    return {
        "id": 1,
        "name": "Fraud",
        "description": "",
        "web_url": f"https://gitlab.example/{REPOSITORY}",
        "namespace": "ada",
        "visibility_level": 20,
        "path_with_namespace": REPOSITORY,
        "default_branch": "main",
    }


def gitlab_merge(action: str, **changes: Any) -> dict[str, Any]:
    """The event `merge_request`."""
    base = {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": _gitlab_user(),
        "project": _gitlab_project(),
        "object_attributes": {
            "id": 99,
            "iid": 7,
            "target_branch": "main",
            "source_branch": "tune",
            "source_project_id": 1,
            "target_project_id": 1,
            "state": "opened",
            "title": "Tune the fraud model",
            "draft": False,
            "last_commit": {"id": B, "message": "Tune", "timestamp": "2026-03-01T12:00:00+00:00"},
            "labels": [],
            "action": action,
        },
        "labels": [],
        "changes": {"updated_at": {"previous": "2026-03-01 11:00:00 UTC", "current": "2026-03-01 12:00:00 UTC"}},
        "repository": {"name": "Fraud", "url": "git@gitlab.example:ada/fraud.git"},
        "assignees": [],
    }
    return merged(base, changes)


def gitlab_note(note: str = "/seatrial run", **changes: Any) -> dict[str, Any]:
    """The event `note` on a merge request."""
    base = {
        "object_kind": "note",
        "event_type": "note",
        "user": {**_gitlab_user(), "username": "carol"},
        "project_id": 1,
        "project": _gitlab_project(),
        "repository": {"name": "Fraud"},
        "object_attributes": {
            "id": 1244,
            "internal": False,
            "note": note,
            "noteable_type": "MergeRequest",
            "author_id": 3,
            "created_at": "2026-03-01 12:00:00 UTC",
            "system": False,
            "line_code": None,
            "st_diff": None,
            "type": None,
            "action": "create",
        },
        "merge_request": {"id": 99, "iid": 7, "state": "opened", "last_commit": {"id": B}, "draft": False},
    }
    return merged(base, changes)


def _gitea_user(login: str) -> dict[str, Any]:
    return {"id": 2, "login": login, "login_name": "", "full_name": "", "email": "b@example.com", "username": login}


def gitea_pull(action: str, **changes: Any) -> dict[str, Any]:
    """The event `pull_request` of Gitea and Forgejo."""
    repository = {"id": 1, "owner": _gitea_user("ada"), "name": "fraud", "full_name": REPOSITORY, "fork": False}
    base = {
        "action": action,
        "number": 7,
        "pull_request": {
            "id": 9,
            "number": 7,
            "user": _gitea_user("bob"),
            "title": "Tune",
            "labels": [{"id": 1, "name": "try", "color": "00aabb"}],
            "state": "open",
            "draft": False,
            "head": {"label": "tune", "ref": "tune", "sha": B, "repo_id": 1, "repo": repository},
            "base": {"label": "main", "ref": "main", "sha": A, "repo_id": 1, "repo": repository},
        },
        "requested_reviewer": None,
        "repository": repository,
        "sender": _gitea_user("bob"),
        "commit_id": "",
        "review": None,
    }
    return merged(base, changes)


def gitea_comment(body: str = "/seatrial run", action: str = "created", **changes: Any) -> dict[str, Any]:
    """The event `issue_comment` of Gitea and Forgejo, on a pull request."""
    pull = gitea_pull("opened")
    base = {
        "action": action,
        "issue": {"id": 9, "number": 7, "title": "Tune", "pull_request": {"merged": False, "merged_at": None}},
        "pull_request": pull["pull_request"],
        "comment": {"id": 31, "user": _gitea_user("carol"), "body": body, "created_at": "2026-03-01T12:00:00Z"},
        "repository": pull["repository"],
        "sender": _gitea_user("carol"),
        "is_pull": True,
    }
    return merged(base, changes)


def encoded(payload: object) -> bytes:
    """JSON as forges write it."""
    return json.dumps(payload).encode()
