"""What the fake GitHub does for each operation, and to whom it refuses it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.forges.github.document import Document
from tests.forges.github.shown import Shown
from tests.forges.github.state import Comment, Pull, Repository, Run, Status, Token, World

Json = dict[str, Any]
_LONGEST = 65_536
_DESCRIPTION = 140
_MOST_STATUSES = 1_000
_TALK = ("issues", "pull_requests")
_READ, _WRITE = "read", "write"
_NEEDED: dict[str, tuple[tuple[str, ...], str]] = {
    "GET /repos/{owner}/{repo}/pulls/{pull_number}": (("pull_requests",), _READ),
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": (_TALK, _READ),
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": (_TALK, _WRITE),
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": (_TALK, _WRITE),
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": (_TALK, _WRITE),
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions": (_TALK, _WRITE),
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": (("checks",), _READ),
    "POST /repos/{owner}/{repo}/check-runs": (("checks",), _WRITE),
    "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}": (("checks",), _WRITE),
    "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations": (("checks",), _READ),
    "GET /repos/{owner}/{repo}/commits/{ref}/statuses": (("statuses",), _READ),
    "POST /repos/{owner}/{repo}/statuses/{sha}": (("statuses",), _WRITE),
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission": (("metadata",), _READ),
}
_FOR_APPS = {"POST /repos/{owner}/{repo}/check-runs", "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}"}


@dataclass(frozen=True)
class Ask:
    """A request that the document allows: what its path names, its query, its body, and who asks."""

    named: Json
    query: Json
    body: Any
    token: Token


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.more = {"documentation_url": "https://docs.github.com/rest", "status": str(status), **more}


class Answers:
    """Carries operations out."""

    def __init__(self, world: World, document: Document, site: str) -> None:
        self._world = world
        self._shown = Shown(document, site)
        talk, checks = "/repos/{owner}/{repo}/issues", "/repos/{owner}/{repo}/check-runs"
        self._does: dict[str, Callable[[Ask], tuple[int, Any]]] = {
            "GET /user": self._me,
            "GET /repos/{owner}/{repo}/pulls/{pull_number}": self._pull,
            f"GET {talk}/{{issue_number}}/comments": self._comments,
            f"POST {talk}/{{issue_number}}/comments": self._create_comment,
            f"PATCH {talk}/comments/{{comment_id}}": self._edit_comment,
            f"DELETE {talk}/comments/{{comment_id}}": self._delete_comment,
            f"POST {talk}/comments/{{comment_id}}/reactions": self._react,
            "GET /repos/{owner}/{repo}/commits/{ref}/check-runs": self._runs,
            f"POST {checks}": self._create_run,
            f"PATCH {checks}/{{check_run_id}}": self._update_run,
            f"GET {checks}/{{check_run_id}}/annotations": self._annotations,
            "GET /repos/{owner}/{repo}/commits/{ref}/statuses": self._statuses,
            "POST /repos/{owner}/{repo}/statuses/{sha}": self._create_status,
            "GET /repos/{owner}/{repo}/collaborators/{username}/permission": self._permission,
        }

    def give(self, name: str, named: Json, query: Json, body: Any, token: Token | None) -> tuple[int, Any]:
        """Status and body."""
        if token is None:
            raise RefusedError(401, "Requires authentication")
        if "repo" in named and not token.sees(self._repository(named).name):
            raise RefusedError(404, "Not Found")
        self._check_right(name, token)
        return self._does[name](Ask(named, query, body, token))

    def _check_right(self, name: str, token: Token) -> None:
        if name in _FOR_APPS and token.kind == "classic":
            raise RefusedError(403, "You must authenticate via a GitHub App.")
        rights, level = _NEEDED.get(name, ((), _READ))
        accepted = {"x-accepted-github-permissions": "; ".join(f"{right}={level}" for right in rights)}
        holds = {token.rights.get(right) for right in rights}
        person = name in _FOR_APPS and token.kind == "fine"
        if rights and (person or not holds & ({_WRITE} if level == _WRITE else {_READ, _WRITE})):
            whom = "integration" if token.installed else "personal access token"
            raise RefusedError(403, f"Resource not accessible by {whom}", accepted)

    def _me(self, ask: Ask) -> tuple[int, Any]:
        if ask.token.installed:
            raise RefusedError(403, "Resource not accessible by integration")
        return 200, self._shown.me(ask.token.account)

    def _repository(self, named: Json) -> Repository:
        name = f"{named['owner']}/{named['repo']}"
        if name not in self._world.repositories:
            raise RefusedError(404, "Not Found")
        return self._world.repositories[name]

    def _pull_of(self, named: Json, key: str) -> tuple[Repository, Pull]:
        repository = self._repository(named)
        pull = repository.pulls.get(int(named[key]))
        if pull is None:
            raise RefusedError(404, "Not Found")
        return repository, pull

    def _pull(self, ask: Ask) -> tuple[int, Any]:
        return 200, self._shown.pull(*self._pull_of(ask.named, "pull_number"))

    def _comments(self, ask: Ask) -> tuple[int, Any]:
        repository, pull = self._pull_of(ask.named, "issue_number")
        since = datetime.fromisoformat(ask.query["since"]) if "since" in ask.query else None
        wanted = [one for one in pull.comments if since is None or one.changed >= since]
        return 200, [self._shown.comment(repository, pull, one) for one in wanted]

    def _create_comment(self, ask: Ask) -> tuple[int, Any]:
        repository, pull = self._pull_of(ask.named, "issue_number")
        if pull.locked:
            raise RefusedError(403, "Unable to create comment because issue is locked.")
        self._check_length(ask.body["body"])
        made = self._world.comment(repository.name, pull.number, ask.token.account.login, ask.body["body"])
        return 201, self._shown.comment(repository, pull, made)

    def _check_length(self, text: str) -> None:
        if len(text) > _LONGEST:
            error = {"resource": "IssueComment", "code": "unprocessable", "field": "data"}
            message = f"Body is too long (maximum is {_LONGEST} characters)"
            raise RefusedError(422, "Validation Failed", errors=[{**error, "message": message}])

    def _comment_of(self, named: Json) -> tuple[Repository, Pull, Comment]:
        repository = self._repository(named)
        for pull in repository.pulls.values():
            for comment in pull.comments:
                if str(comment.id) == named["comment_id"]:
                    return repository, pull, comment
        raise RefusedError(404, "Not Found")

    def _edit_comment(self, ask: Ask) -> tuple[int, Any]:
        repository, pull, comment = self._comment_of(ask.named)
        self._check_length(ask.body["body"])
        comment.body, comment.changed = ask.body["body"], self._world.clock.now()
        return 200, self._shown.comment(repository, pull, comment)

    def _delete_comment(self, ask: Ask) -> tuple[int, Any]:
        _, pull, comment = self._comment_of(ask.named)
        pull.comments.remove(comment)
        return 204, None

    def _react(self, ask: Ask) -> tuple[int, Any]:
        _, _, comment = self._comment_of(ask.named)
        again = ask.body["content"] in comment.reactions
        if not again:
            comment.reactions.append(ask.body["content"])
        return 200 if again else 201, self._shown.reaction(ask.token.account, ask.body["content"])

    def _runs(self, ask: Ask) -> tuple[int, Any]:
        repository = self._repository(ask.named)
        self._check_commit(repository, ask.named["ref"])
        name = ask.query.get("check_name")
        found = [run for run in repository.runs if run.commit == ask.named["ref"] and name in {None, run.name}]
        if ask.query.get("filter", "latest") == "latest":
            found = list({(run.app, run.name): run for run in found}.values())
        shown = [self._shown.run(repository, run) for run in reversed(found)]
        return 200, {"total_count": len(shown), "check_runs": shown}

    def _check_commit(self, repository: Repository, commit: str) -> None:
        if commit not in repository.commits():
            raise RefusedError(422, f"No commit found for SHA: {commit}")

    def _create_run(self, ask: Ask) -> tuple[int, Any]:
        repository = self._repository(ask.named)
        self._check_commit(repository, ask.body["head_sha"])
        run = Run(self._world.next_id(), ask.body["name"], ask.body["head_sha"], ask.token.app, {})
        self._change(run, ask.body)
        repository.runs.append(run)
        return 201, self._shown.run(repository, run)

    def _update_run(self, ask: Ask) -> tuple[int, Any]:
        repository = self._repository(ask.named)
        run = self._run_of(repository, ask.named)
        if run.app != ask.token.app:
            raise RefusedError(
                403, "Invalid app_id `1` - check run can only be modified by the GitHub App that created it."
            )
        self._change(run, ask.body)
        return 200, self._shown.run(repository, run)

    def _run_of(self, repository: Repository, named: Json) -> Run:
        found = next((run for run in repository.runs if str(run.id) == named["check_run_id"]), None)
        if found is None:
            raise RefusedError(404, "Not Found")
        return found

    def _change(self, run: Run, body: Json) -> None:
        """A conclusion completes a run, what is completed has one, and annotations are appended."""
        if body.get("status") == "completed" and "conclusion" not in body:
            raise RefusedError(422, "Invalid request.\n\nFor 'allOf/0', \"conclusion\" wasn't supplied.")
        if run.fields.get("status") == "completed" and body.get("status", "completed") != "completed":
            raise RefusedError(422, "A completed check run does not start again.")  # stricter than GitHub
        output = dict(body.get("output", {}))
        run.annotations += output.pop("annotations", [])
        run.fields = {**run.fields, **body, "output": {**run.fields.get("output", {}), **output}}

    def _annotations(self, ask: Ask) -> tuple[int, Any]:
        run = self._run_of(self._repository(ask.named), ask.named)
        return 200, [self._shown.annotation(one) for one in run.annotations]

    def _statuses(self, ask: Ask) -> tuple[int, Any]:
        repository = self._repository(ask.named)
        found = [one for one in repository.statuses if one.commit == ask.named["ref"]]
        return 200, [self._shown.status(one, ask.token) for one in reversed(found)]

    def _create_status(self, ask: Ask) -> tuple[int, Any]:
        repository = self._repository(ask.named)
        self._check_commit(repository, ask.named["sha"])
        same = [one for one in repository.statuses if one.commit == ask.named["sha"]]
        if len([one for one in same if one.fields["context"] == ask.body["context"]]) >= _MOST_STATUSES:
            raise RefusedError(
                422, "Validation Failed", errors=[_error("This SHA and context has reached the maximum")]
            )
        if len(ask.body.get("description") or "") > _DESCRIPTION:
            raise RefusedError(
                422, "Validation Failed", errors=[_error("description is too long (maximum is 140 characters)")]
            )
        made = Status(self._world.next_id(), ask.named["sha"], ask.body, self._world.clock.now())
        repository.statuses.append(made)
        return 201, self._shown.status(made, ask.token)

    def _permission(self, ask: Ask) -> tuple[int, Any]:
        repository = self._repository(ask.named)
        account = self._world.accounts.get(ask.named["username"])
        if account is None:
            raise RefusedError(404, f"{ask.named['username']} is not a user")
        unknown = ("none", "") if repository.private else ("read", "read")
        return 200, self._shown.permission(account, *repository.people.get(account.login, unknown))


def _error(message: str) -> Json:
    return {"resource": "Status", "code": "custom", "message": message}
