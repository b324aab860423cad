"""What stands on a forge beside a change: pull requests, comments and checks, in words that all forges share."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ForgeKind(StrEnum):
    """Whose API a forge speaks. Forgejo speaks Gitea's; `local` is the git repository itself."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeSpec:
    """A forge as the configuration or a CI system's environment names it.

    Attributes:
        url: of the forge as people open it (`https://github.com`), without a slash at its end.
        token: as written; `${NAME}` refers to the caller's environment. Empty: the usual variable of its kind.
        repository: `owner/name`, of a group on GitLab `group/subgroup/name`; empty: that of git's remote `origin`.
        api: root of its API, where that can't be told from `url`; empty otherwise.
        app: id of a GitHub App that acts instead of a token's account; empty: a token does.
        key: file with that App's private key (PEM), or `${NAME}` of a variable that holds the key itself.
        reports: where full reports are copied to: a folder, or `s3://bucket/prefix`; empty: nowhere.
        reports_url: under which people reach them; empty: they are not linked.
    """

    kind: ForgeKind
    url: str
    token: str = ""
    repository: str = ""
    api: str = ""
    app: str = ""
    key: str = ""
    reports: str = ""
    reports_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeLimits:
    """What one forge takes at most.

    Attributes:
        comment: of a comment's text, in bytes of UTF-8 to be safe.
        summary: of a check's summary likewise; 0 where a check has none.
        annotations: of one check.
        mermaid: whether its Markdown draws Mermaid.
        details: whether its Markdown folds `<details>`.
    """

    comment: int = 65_536
    summary: int = 65_535
    annotations: int = 50
    mermaid: bool = True
    details: bool = True


class PullState(StrEnum):
    """Where a pull request stands."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request (GitLab: merge request) as it is now.

    Attributes:
        repository: that it is opened in.
        head, base: commit ids of its newest commit and of the newest of the branch that it shall go into.
        head_ref, base_ref: the branches' names.
        head_repository: that its commits are in; empty where that was deleted.
    """

    repository: str
    number: int
    state: PullState
    title: str
    author: str
    head: str
    base: str
    head_ref: str = ""
    base_ref: str = ""
    head_repository: str = ""
    url: str = ""
    draft: bool = False
    labels: tuple[str, ...] = ()

    @property
    def from_fork(self) -> bool:
        """Whether people without a right to this repository may have written its commits."""
        return self.head_repository != self.repository


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedComment:
    """A comment on a pull request.

    Attributes:
        own: whether the token's account wrote it; None where the forge does not tell.
    """

    id: str
    author: str
    body: str
    url: str = ""
    own: bool | None = None


class Permission(StrEnum):
    """What an account may do in a repository."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def may_write(self) -> bool:
        """Whether it may push."""
        return self in {Permission.WRITE, Permission.ADMIN}


class CheckPhase(StrEnum):
    """How far a check is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class Conclusion(StrEnum):
    """How a check ended. `neutral` is inconclusive, `action_required` broken; neither is green."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"
    ACTION_REQUIRED = "action_required"
    CANCELLED = "cancelled"


class AnnotationLevel(StrEnum):
    """How loud an annotation is."""

    NOTICE = "notice"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A remark at a line of a file of the change; lines count from 1, paths from the repository's root."""

    path: str
    line: int
    level: AnnotationLevel
    title: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check of a commit as it shall be; setting it again changes nothing.

    Attributes:
        name: tells checks of a commit apart: `seatrial`, or `seatrial / PROJECT` in a repository with several.
        key: of the run that sets it; a check of the same name with another key is replaced.
        conclusion: of a check that is done.
        title: one line, also where a forge shows no more (140 characters at most).
        summary: Markdown.
        url: where its details are; empty: the forge's own page.
    """

    repository: str
    commit: str
    name: str
    key: str
    phase: CheckPhase
    title: str
    conclusion: Conclusion | None = None
    summary: str = ""
    url: str = ""
    annotations: tuple[Annotation, ...] = ()
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishTarget:
    """Where the result of one trial belongs.

    Attributes:
        repository: `owner/name`.
        number: of the pull request; None for a push, which gets a check only.
        commit: that is under trial.
        project: name of the project, which has a comment of its own.
        several: whether the repository has more than one project, so that the check's name tells which.
        run_url: page of the CI job or of the bot's trial; empty if there is none.
        report_url: page of the full report; empty if there is none.
        listens: whether somebody (the bot) reads comments, so that the comment says how to talk to it.
    """

    repository: str
    commit: str
    project: str
    number: int | None = None
    several: bool = False
    run_url: str = ""
    report_url: str = ""
    listens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What became of publishing.

    Attributes:
        comment: URL of the comment; empty where there is none.
        problems: sentences on what could not be published and what grants it; the verdict stands regardless.
    """

    comment: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CiPlace:
    """Where a command runs, as the environment of a CI system tells.

    Attributes:
        system: `GitHub Actions`, `GitLab CI`, `Azure Pipelines`, `Jenkins`, `Tekton` or `Buildkite`.
        forge: that the repository is on; None where the environment does not tell.
        head, base: commits of the pull request, where they are told: a CI's own merge commit is no candidate.
    """

    system: str
    repository: str = ""
    number: int | None = None
    commit: str = ""
    head: str = ""
    base: str = ""
    run_url: str = ""
    forge: ForgeSpec | None = None
    notes: tuple[str, ...] = field(default=())
