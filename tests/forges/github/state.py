"""What the fake GitHub keeps: accounts, tokens, repositories, and what people and their git do there behind the adapter's back."""

import hashlib
import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from seatrial.ports import Clock

Json = dict[str, Any]
_RIGHTS = {"contents": "read", "pull_requests": "write", "checks": "write", "statuses": "write", "metadata": "read"}


@dataclass
class Account:
    """A person or an App's bot."""

    login: str
    id: int
    bot: bool = False


@dataclass
class App:
    """A GitHub App; `keys` are the public halves of those that it has."""

    id: int
    client: str
    slug: str
    account: Account
    keys: list[RSAPublicKey]


@dataclass
class Installation:
    """An App with an owner of repositories; `repositories` are the chosen ones, None for all."""

    id: int
    app: App
    owner: str
    rights: dict[str, str]
    repositories: set[str] | None = None
    suspended: datetime | None = None

    def serves(self, name: str) -> bool:
        """Whether a repository is among them."""
        chosen = self.repositories is None or name in self.repositories
        return chosen and name.partition("/")[0] == self.owner


@dataclass
class Token:
    """What its holder may do.

    Attributes:
        kind: `workflow` and `app` are an installation's, `fine` and `classic` a person's.
        rights: as GitHub names them; those of a classic token are its scopes'.
        installation: that it was made for by the App itself; None where somebody handed it in.
        ends: when it is worth nothing; None for never.
    """

    text: str
    account: Account
    kind: str
    rights: dict[str, str] = field(default_factory=lambda: dict(_RIGHTS))
    installation: Installation | None = None
    ends: datetime | None = None

    def sees(self, name: str) -> bool:
        """Whether a repository is there for it."""
        return self.installation is None or self.installation.serves(name)

    @property
    def installed(self) -> bool:
        """Whether it is an App's."""
        return self.kind in {"workflow", "app"}

    @property
    def app(self) -> int:
        """The App's id."""
        return self.account.id + 10_000


@dataclass
class Comment:
    """On a pull request."""

    id: int
    author: Account | None
    body: str
    made: datetime
    changed: datetime
    reactions: list[str] = field(default_factory=list)


@dataclass
class Pull:
    """A pull request; `fork` is the repository that its branch is in, None where that was deleted."""

    number: int
    title: str
    author: Account
    branch: str
    base: str
    fork: str | None
    head: str
    state: str = "open"
    merged: bool = False
    draft: bool = False
    locked: bool = False
    labels: tuple[str, ...] = ()
    comments: list[Comment] = field(default_factory=list)


@dataclass
class Run:
    """A check run."""

    id: int
    name: str
    commit: str
    app: int
    fields: Json
    annotations: list[Json] = field(default_factory=list)


@dataclass
class Status:
    """A commit status."""

    id: int
    commit: str
    fields: Json
    made: datetime


@dataclass
class Repository:
    """A repository with its pull requests and the checks of its commits."""

    name: str
    id: int
    private: bool = True
    branches: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)

    def commits(self) -> set[str]:
        """All that were ever there."""
        return {*self.branches.values(), *self._pushed}

    _pushed: set[str] = field(default_factory=set)

    def push(self, branch: str) -> str:
        """One more commit on a branch; its id."""
        text = f"{self.name} {branch} {len(self._pushed)}"
        commit = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._pushed.add(commit)
        self.branches[branch] = commit
        for pull in self.pulls.values():
            if pull.branch == branch and pull.state == "open":
                pull.head = commit
        return commit


class World:
    """All of it; whoever reads or changes it holds `lock`."""

    def __init__(self, clock: Clock) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.apps: list[App] = []
        self.installations: dict[int, Installation] = {}
        self._ids = itertools.count(1001)

    def next_id(self) -> int:
        """Ids grow."""
        return next(self._ids)

    def account(self, login: str, *, bot: bool = False) -> Account:
        """The account of that name, made if need be."""
        return self.accounts.setdefault(login, Account(login, self.next_id(), bot))

    def token(self, kind: str, login: str, rights: Mapping[str, str] | None = None) -> str:
        """A new token of an account."""
        prefix = {"workflow": "ghs_", "app": "ghs_", "fine": "github_pat_", "classic": "ghp_"}[kind]
        text = f"{prefix}{self.next_id()}secretsecret"
        account = self.account(login, bot=kind in {"workflow", "app"})
        self.tokens[text] = Token(text, account, kind, dict(_RIGHTS if rights is None else rights))
        return text

    def app(self, slug: str, key: RSAPublicKey) -> App:
        """A new App."""
        account = self.account(f"{slug}[bot]", bot=True)
        made = App(account.id + 10_000, f"Iv23{account.id}", slug, account, [key])
        self.apps.append(made)
        return made

    def install(
        self, app: App, owner: str, repositories: set[str] | None = None, rights: Mapping[str, str] | None = None
    ) -> Installation:
        """Install an App with an owner."""
        made = Installation(self.next_id(), app, owner, dict(_RIGHTS if rights is None else rights), repositories)
        self.installations[made.id] = made
        return made

    def uninstall(self, installation: Installation) -> None:
        """Take an App away from an owner; its tokens end at once."""
        with self.lock:
            del self.installations[installation.id]
            self.revoke(installation)

    def revoke(self, installation: Installation) -> None:
        """End the tokens of an installation."""
        with self.lock:
            self.tokens = {text: one for text, one in self.tokens.items() if one.installation is not installation}

    def granted(self) -> list[str]:
        """Tokens that Apps got and that are not revoked, the oldest first."""
        return [text for text, one in self.tokens.items() if one.installation is not None]

    def repository(self, name: str) -> Repository:
        """A new repository with a branch `main`."""
        made = Repository(name, self.next_id())
        made.push("main")
        self.repositories[name] = made
        return made

    def rename(self, old: str, new: str) -> None:
        """Give a repository another name; the old one leads to it."""
        repository = self.repositories.pop(old)
        repository.name = new
        for pull in repository.pulls.values():
            pull.fork = new if pull.fork == old else pull.fork
        self.repositories[new] = repository
        self.renamed[old] = new

    def open_pull(
        self,
        name: str,
        branch: str,
        *,
        author: str = "alice",
        fork: bool = False,
        draft: bool = False,
        labels: Sequence[str] = (),
    ) -> Pull:
        """A pull request from a new branch with one commit."""
        with self.lock:
            repository = self.repositories[name]
            number = len(repository.pulls) + 1
            pull = Pull(
                number=number,
                title=f"Change {branch}",
                author=self.account(author),
                branch=branch,
                base="main",
                fork=f"{author}/{name.partition('/')[2]}" if fork else name,
                head=repository.push(branch),
                draft=draft,
                labels=tuple(labels),
            )
            repository.pulls[number] = pull
            return pull

    def comment(self, name: str, number: int, login: str | None, body: str) -> Comment:
        """Somebody comments; None is an account that was deleted since."""
        with self.lock:
            now = self.clock.now()
            author = None if login is None else self.account(login)
            made = Comment(self.next_id(), author, body, now, now)
            self.repositories[name].pulls[number].comments.append(made)
            return made
