"""What people do on a Gitea: accounts, repositories, rights, commits, pull requests and webhooks, without the adapter."""

import itertools
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import wait_until

_numbers = itertools.count(1)
_EVENTS = ("push", "pull_request", "pull_request_sync", "pull_request_label", "issue_comment", "pull_request_comment")


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody with a token that may do what the account may."""

    name: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gitea:
    """One running Gitea.

    Attributes:
        url: without a slash at its end.
        token: of its administrator.
        folder: that it keeps everything in; its log is `gitea.log` there.
        password: that every account has.
    """

    url: str
    token: str = field(repr=False)
    folder: Path
    password: str = field(repr=False)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        by: Account | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Any:
        """The JSON that the API answers to an account, by default the administrator; anything but success fails the test."""
        token = self.token if by is None else by.token
        response = httpx.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            headers={} if auth else {"Authorization": f"token {token}"},
            auth=auth,
            timeout=60.0,
            trust_env=False,
        )
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response.json() if response.content else None

    def account(self, prefix: str, *, scopes: Sequence[str] = ("all",)) -> Account:
        """A new account of a name that begins so."""
        name = f"{prefix}{next(_numbers)}"
        self.call(
            "POST",
            "/admin/users",
            {
                "username": name,
                "email": f"{name}@example.org",
                "password": self.password,
                "must_change_password": False,
            },
        )
        return Account(name, self.new_token(name, scopes))

    def new_token(self, name: str, scopes: Sequence[str] = ("all",)) -> str:
        """Another token of an account."""
        wanted = {"name": f"token-{next(_numbers)}", "scopes": list(scopes)}
        made = self.call("POST", f"/users/{name}/tokens", wanted, auth=(name, self.password))
        return str(made["sha1"])

    def repository(self, owner: Account, prefix: str = "ship", *, private: bool = False) -> str:
        """A new repository, `owner/name`, still without a commit; its default branch will be `main`."""
        wanted = {"name": f"{prefix}{next(_numbers)}", "default_branch": "main", "private": private}
        return str(self.call("POST", "/user/repos", wanted, by=owner)["full_name"])

    def let(self, repository: str, account: Account, permission: str) -> None:
        """Make somebody a collaborator: `read`, `write` or `admin`."""
        self.call("PUT", f"/repos/{repository}/collaborators/{account.name}", {"permission": permission})

    def fork(self, repository: str, by: Account) -> str:
        """A fork of a repository, `owner/name`."""
        return str(self.call("POST", f"/repos/{repository}/forks", {}, by=by)["full_name"])

    def label(self, repository: str, name: str) -> int:
        """The id of a label of this name, which is made if it is not there yet."""
        for found in self.call("GET", f"/repos/{repository}/labels"):
            if found["name"] == name:
                return int(found["id"])
        return int(self.call("POST", f"/repos/{repository}/labels", {"name": name, "color": "#00aabb"})["id"])

    def open_pull(
        self, repository: str, head: str, *, by: Account, title: str, labels: Sequence[str] = (), base: str = "main"
    ) -> int:
        """Open a pull request; `head` is a branch, or `owner:branch` of a fork. Its number."""
        wanted = {
            "head": head,
            "base": base,
            "title": title,
            "labels": [self.label(repository, name) for name in labels],
        }
        return int(self.call("POST", f"/repos/{repository}/pulls", wanted, by=by)["number"])

    def close_pull(self, repository: str, number: int) -> None:
        """Close it without a merge."""
        self.call("PATCH", f"/repos/{repository}/pulls/{number}", {"state": "closed"})

    def reopen_pull(self, repository: str, number: int) -> None:
        """Open it again."""
        self.call("PATCH", f"/repos/{repository}/pulls/{number}", {"state": "open"})

    def merge_pull(self, repository: str, number: int) -> None:
        """Merge it."""
        refused = self.refused_merge(repository, number)
        assert not refused, refused

    def refused_merge(self, repository: str, number: int, *, by: Account | None = None) -> str:
        """Why Gitea does not let an account merge; empty if it has merged."""
        token = self.token if by is None else by.token

        def answered() -> httpx.Response | None:
            response = httpx.post(
                f"{self.url}/api/v1/repos/{repository}/pulls/{number}/merge",
                json={"Do": "merge"},
                headers={"Authorization": f"token {token}"},
                trust_env=False,
            )
            # It is still looking whether the branches go together.
            return None if "try again later" in response.text else response

        response = wait_until(answered, poll=0.05)
        assert response is not None
        return "" if response.is_success else str(response.json()["message"])

    def comment(self, repository: str, number: int, text: str, *, by: Account) -> str:
        """Somebody comments; the comment's id."""
        made = self.call("POST", f"/repos/{repository}/issues/{number}/comments", {"body": text}, by=by)
        return str(made["id"])

    def comments(self, repository: str, number: int) -> Sequence[Mapping[str, Any]]:
        """The comments as the API tells them."""
        found: list[Mapping[str, Any]] = self.call("GET", f"/repos/{repository}/issues/{number}/comments")
        return found

    def statuses(self, repository: str, commit: str) -> Sequence[Mapping[str, Any]]:
        """Every status that a commit was ever given, the newest first."""
        found: list[Mapping[str, Any]] = self.call("GET", f"/repos/{repository}/commits/{commit}/statuses?limit=50")
        return sorted(found, key=lambda status: -int(status["id"]))

    def protect(self, repository: str, *contexts: str, branch: str = "main") -> None:
        """Let nothing be merged into a branch before these statuses are green, also not by administrators."""
        wanted = {
            "rule_name": branch,
            "enable_status_check": True,
            "status_check_contexts": list(contexts),
            "block_admin_merge_override": True,
            "enable_push": True,
        }
        self.call("POST", f"/repos/{repository}/branch_protections", wanted)

    def webhook(self, repository: str, url: str, secret: str, *, events: Sequence[str] = _EVENTS) -> int:
        """Let Gitea tell an address on this machine what happens; the webhook's id."""
        wanted = {
            "type": "gitea",
            "active": True,
            "events": list(events),
            "config": {"url": url, "content_type": "json", "secret": secret},
        }
        return int(self.call("POST", f"/repos/{repository}/hooks", wanted)["id"])

    def without_checks_of_pushes(self, repository: str) -> None:
        """Take away the hooks that only check a push, protected branches for one: each starts a process for each push."""
        hooks = self.folder / "repositories" / f"{repository}.git" / "hooks"
        for name in ("pre-receive", "update", "proc-receive"):
            (hooks / name).unlink()

    def clone_url(self, repository: str, account: Account) -> str:
        """URL to push to as an account; a secret."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{account.name}:{account.token}@{rest}/{repository}.git"


class WorkingCopy:
    """A git repository of somebody's own, from which commits are pushed.

    Args:
        folder: that is not there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main")

    def commit(self, branch: str, files: Mapping[str, str], *, start: str = "main") -> str:
        """Commit files to a branch, which begins at `start` if it is new; the commit's id."""
        if self.git("branch", "--list", branch):
            self.git("checkout", "--quiet", branch)
        elif self.git("branch", "--list", start):
            self.git("checkout", "--quiet", "-b", branch, start)
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", f"Change {', '.join(sorted(files))}")
        return self.tip(branch)

    def tip(self, branch: str) -> str:
        """Id of a branch's newest commit."""
        return self.git("rev-parse", branch)

    def push(self, url: str, branch: str) -> None:
        """Push a branch."""
        self.git("push", "--quiet", url, branch)

    def git(self, *arguments: str) -> str:
        """What git prints; a failure fails the test."""
        identity = {"NAME": "Sailor", "EMAIL": "sailor@example.org"}
        environ = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        environ |= {"GIT_TERMINAL_PROMPT": "0"}
        environ |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in identity.items()}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
