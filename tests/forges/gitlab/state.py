"""What a GitLab server keeps of what seatrial asks for: accounts, projects, merge requests, notes, pipelines, statuses."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

DEVELOPER, MAINTAINER, REPORTER = 30, 40, 20
LIVE = ("created", "pending", "running")


@dataclass
class Account:
    """Somebody, or the bot that a project's token is."""

    id: int
    username: str
    state: str = "active"


@dataclass
class Token:
    """What a token may do: of whom it is, and whether its scope is `api` and not `read_api`."""

    account: Account
    writes: bool = True


@dataclass
class Project:
    """A repository with its members' levels and its branches' commits, the newest last."""

    id: int
    path: str
    members: dict[int, int] = field(default_factory=dict)
    branches: dict[str, list[str]] = field(default_factory=dict)
    public: bool = False

    def branch_of(self, commit: str) -> str | None:
        """The first branch that holds a commit, as GitLab looks for it."""
        return next((name for name in sorted(self.branches) if commit in self.branches[name]), None)


@dataclass
class MergeRequest:
    """A merge request; `source` is None where the fork was deleted."""

    iid: int
    project: Project
    source: Project | None
    source_branch: str
    title: str
    author: Account
    state: str = "opened"
    draft: bool = False
    labels: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)


@dataclass
class Note:
    """A note of a merge request; `type` is `DiffNote` at a line of code."""

    id: int
    request: MergeRequest
    author: Account
    body: str
    system: bool = False
    type: str | None = None
    awards: list[tuple[Account, str]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Pipeline:
    """A pipeline of a commit at a ref."""

    id: int
    project: Project
    sha: str
    ref: str
    source: str = "external"


@dataclass
class Status:
    """A commit's status; a job of `.gitlab-ci.yml` is one without description."""

    id: int
    pipeline: Pipeline
    author: Account
    name: str
    state: str = "created"
    description: str | None = None
    url: str | None = None
    retried: bool = False


class State:
    """One server."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.projects: list[Project] = []
        self.requests: list[MergeRequest] = []
        self.notes: list[Note] = []
        self.pipelines: list[Pipeline] = []
        self.statuses: list[Status] = []
        self.tokens: dict[str, Token] = {}
        self.ids = count(1001)
        self.began = datetime(2026, 1, 1, tzinfo=UTC)

    def account(self, username: str, *, state: str = "active") -> Account:
        """A new account."""
        made = Account(next(self.ids), username, state)
        self.accounts.append(made)
        return made

    def project(self, path: str, *, public: bool = False) -> Project:
        """A new project with a branch `main` of one commit."""
        made = Project(next(self.ids), path, public=public)
        made.branches["main"] = [self.commit(made, "main")]
        self.projects.append(made)
        return made

    def commit(self, project: Project, branch: str) -> str:
        """A new commit's id."""
        return f"{project.id:010x}{len(branch):02x}{next(self.ids):028x}"

    def find_project(self, key: str) -> Project | None:
        """By number or path; the path's case does not count."""
        return next((each for each in self.projects if key == str(each.id) or key.lower() == each.path.lower()), None)

    def knows(self, project: Project, commit: str) -> bool:
        """Whether a project's repository has a commit, by a branch or by the ref of a merge request."""
        of_requests = any(commit in each.commits for each in self.requests if each.project is project)
        return of_requests or project.branch_of(commit) is not None

    def now(self) -> datetime:
        """Later than ever before."""
        self.began += timedelta(milliseconds=1)
        return self.began
