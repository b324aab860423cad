"""The fake GitHub's answers: what the published document shows as an example, with our own facts in it."""

from datetime import datetime
from typing import Any

from tests.forges.github.document import Document
from tests.forges.github.state import Account, App, Comment, Installation, Pull, Repository, Run, Status, Token

Json = dict[str, Any]
_PULL = "GET /repos/{owner}/{repo}/pulls/{pull_number}"
_COMMENT = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"
_RUN = "POST /repos/{owner}/{repo}/check-runs"
_NOTES = "GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations"
_STATUS = "POST /repos/{owner}/{repo}/statuses/{sha}"
_PERMISSION = "GET /repos/{owner}/{repo}/collaborators/{username}/permission"
_APP = "GET /app"
_INSTALLATION = "GET /repos/{owner}/{repo}/installation"
_GRANT = "POST /app/installations/{installation_id}/access_tokens"
_REACTION = "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions"


class Shown:
    """Makes them.

    Args:
        site: URL of the forge.
    """

    def __init__(self, document: Document, site: str) -> None:
        self._document = document
        self._site = site

    def user(self, account: Account) -> Json:
        """An account, as it stands in other answers."""
        user: Json = self._document.operation(_COMMENT).example(201)["user"]
        return {
            **user,
            "login": account.login,
            "id": account.id,
            "type": "Bot" if account.bot else "User",
            "html_url": f"{self._site}/{account.login}",
        }

    def me(self, account: Account) -> Json:
        """The account of the token."""
        return {**self._document.operation("GET /user").example(200), **self.user(account)}

    def pull(self, repository: Repository, pull: Pull) -> Json:
        """A pull request."""
        made: Json = self._document.operation(_PULL).example(200)
        head, base = made["head"], made["base"]
        fork = (
            None
            if pull.fork is None
            else {**head["repo"], "full_name": pull.fork, "fork": pull.fork != repository.name}
        )
        return {
            **made,
            "number": pull.number,
            "html_url": f"{self._site}/{repository.name}/pull/{pull.number}",
            "state": pull.state,
            "merged": pull.merged,
            "title": pull.title,
            "draft": pull.draft,
            "user": self.user(pull.author),
            "labels": [{**made["labels"][0], "name": name} for name in pull.labels],
            "requested_teams": [],
            "head": {**head, "ref": pull.branch, "sha": pull.head, "repo": fork},
            "base": {
                **base,
                "ref": pull.base,
                "sha": repository.branches[pull.base],
                "repo": {**base["repo"], "full_name": repository.name, "id": repository.id},
            },
        }

    def comment(self, repository: Repository, pull: Pull, comment: Comment) -> Json:
        """A comment."""
        made: Json = self._document.operation(_COMMENT).example(201)
        page = f"{self._site}/{repository.name}/pull/{pull.number}"
        return {
            **made,
            "id": comment.id,
            "url": f"{self._site}/api/v3/repos/{repository.name}/issues/comments/{comment.id}",
            "body": comment.body,
            "html_url": f"{page}#issuecomment-{comment.id}",
            "user": None if comment.author is None else self.user(comment.author),
            "created_at": moment(comment.made),
            "updated_at": moment(comment.changed),
        }

    def run(self, repository: Repository, run: Run) -> Json:
        """A check run."""
        made: Json = self._document.operation(_RUN).example(201)
        page = f"{self._site}/{repository.name}/runs/{run.id}"
        output = run.fields.get("output", {})
        return {
            **made,
            "id": run.id,
            "name": run.name,
            "head_sha": run.commit,
            "external_id": run.fields.get("external_id", ""),
            "status": run.fields.get("status", "queued"),
            "conclusion": run.fields.get("conclusion"),
            "html_url": page,
            "details_url": run.fields.get("details_url", page),
            "started_at": run.fields.get("started_at"),
            "completed_at": run.fields.get("completed_at"),
            "app": {**made["app"], "id": run.app},
            "output": {
                **made["output"],
                "title": output.get("title"),
                "summary": output.get("summary"),
                "text": None,
                "annotations_count": len(run.annotations),
            },
        }

    def annotation(self, annotation: Json) -> Json:
        """A remark at a line."""
        made: Json = self._document.operation(_NOTES).example(200)[0]
        return {**made, "start_column": None, "end_column": None, "raw_details": None, "title": None, **annotation}

    def status(self, status: Status, token: Token) -> Json:
        """A commit status."""
        made: Json = self._document.operation(_STATUS).example(201)
        given = {"target_url": None, "description": None, "context": "default", **status.fields}
        when = moment(status.made)
        return {
            **made,
            **given,
            "id": status.id,
            "creator": self.user(token.account),
            "created_at": when,
            "updated_at": when,
        }

    def permission(self, account: Account, permission: str, role: str) -> Json:
        """What an account may do."""
        made: Json = self._document.operation(_PERMISSION).example(200)
        user = {**self.user(account), "role_name": role}
        return {**made, "permission": permission, "role_name": role, "user": user}

    def reaction(self, account: Account, content: str) -> Json:
        """A reaction."""
        made: Json = self._document.operation(_REACTION).example(201)
        return {**made, "user": self.user(account), "content": content}

    def about(self, app: App) -> Json:
        """An App, as it sees itself."""
        made: Json = self._document.operation(_APP).example(200)
        page = f"{self._site}/github-apps/{app.slug}"
        return {**made, "id": app.id, "client_id": app.client, "slug": app.slug, "html_url": page}

    def installation(self, installation: Installation) -> Json:
        """Where an App is installed."""
        made: Json = self._document.operation(_INSTALLATION).example(200)
        suspended = installation.suspended
        return {
            **made,
            "id": installation.id,
            "account": {**made["account"], "login": installation.owner},
            "html_url": f"{self._site}/organizations/{installation.owner}/settings/installations/{installation.id}",
            "app_id": installation.app.id,
            "app_slug": installation.app.slug,
            "permissions": installation.rights,
            "repository_selection": _selection(installation),
            "suspended_at": None if suspended is None else moment(suspended),
        }

    def grant(self, token: Token, installation: Installation) -> Json:
        """A new token of an installation."""
        made: Json = self._document.operation(_GRANT).example(201)
        return {
            "token": token.text,
            "expires_at": None if token.ends is None else moment(token.ends),
            "permissions": installation.rights,
            "repository_selection": _selection(installation),
            "single_file": made.get("single_file", ".github/config.yml"),
        }


def _selection(installation: Installation) -> str:
    return "all" if installation.repositories is None else "selected"


def moment(when: datetime) -> str:
    """As GitHub writes it."""
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"
