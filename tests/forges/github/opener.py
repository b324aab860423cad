"""The fake GitHub as a scene of the contract, with a token of an App, or as an App: its checks are check runs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.forge.github import GithubForge
from seatrial.adapters.forge.github_app import AppKey
from seatrial.ports import Forge
from tests.contract.forges import ALL_FEATURES, Light, ShownCheck
from tests.forges.github.apps import pem, private_key
from tests.forges.github.fake import FakeGithub, serving

AS_APP = "as-app"
FEATURES = ALL_FEATURES - {"git"}
_READING = {"contents": "read", "pull_requests": "read", "checks": "read", "statuses": "read", "metadata": "read"}
_RED = frozenset({"failure", "neutral", "action_required", "cancelled", "error"})


class GithubScene:
    """One private repository of a fake GitHub."""

    def __init__(self, fake: FakeGithub, kind: str = "app") -> None:
        self.fake = fake
        self.repository = "acme/wine"
        own = {"app": "seatrial[bot]", AS_APP: "seatrial[bot]", "workflow": "github-actions[bot]"}
        self.account = own.get(kind, "seatrial")
        self.writer, self.reader, self.stranger, self.admin = "wendy", "rita", "stan", "ada"
        world = fake.world
        world.account(self.stranger)
        repository = world.repository(self.repository)
        for login, right in ((self.writer, "write"), (self.reader, "read"), (self.admin, "admin")):
            world.account(login)
            repository.people[login] = (right, right)
        self.forge: Forge = GithubForge(fake.url, "", self._credential(kind))
        self._poor = GithubForge(fake.url, "", self._credential(kind, _READING))
        self._repository = repository

    @property
    def secrets(self) -> tuple[str, ...]:
        """All tokens there are, and the key of the Apps."""
        return (*self.fake.world.tokens, *pem(private_key()).splitlines()[1:-1])

    def _credential(self, kind: str, rights: Mapping[str, str] | None = None) -> str | AppKey:
        world = self.fake.world
        if kind != AS_APP:
            return world.token(kind, self.account, rights)
        app = world.app("seatrial" if rights is None else "reader", private_key().public_key())
        world.install(app, "acme", rights=rights)
        return AppKey(app=app.client, key=private_key())

    def open_pull(self, branch: str, *, fork: bool = False, draft: bool = False, labels: Sequence[str] = ()) -> int:
        """Push a new branch with one commit, open a pull request from it into `main`."""
        return self.fake.world.open_pull(self.repository, branch, fork=fork, draft=draft, labels=labels).number

    def push(self, branch: str) -> str:
        """Push one more commit to a branch."""
        with self.fake.world.lock:
            return self._repository.push(branch)

    def tip(self, branch: str) -> str:
        """Id of the newest commit of a branch."""
        return self._repository.branches[branch]

    def close_pull(self, number: int) -> None:
        """Close it without merging."""
        with self.fake.world.lock:
            self._repository.pulls[number].state = "closed"

    def merge_pull(self, number: int) -> None:
        """Merge it."""
        with self.fake.world.lock:
            self._repository.pulls[number].state = "closed"
            self._repository.pulls[number].merged = True

    def comment_as_other(self, number: int, text: str) -> str:
        """The writer comments."""
        return str(self.fake.world.comment(self.repository, number, self.writer, text).id)

    def reactions(self, number: int, comment: str) -> Sequence[str]:
        """Reactions on a comment."""
        return next(one.reactions for one in self._repository.pulls[number].comments if str(one.id) == comment)

    def checks(self, commit: str) -> Sequence[ShownCheck]:
        """The newest check run of each name, and the newest status of each context."""
        runs = {run.name: run for run in self._repository.runs if run.commit == commit}
        statuses = {one.fields["context"]: one for one in self._repository.statuses if one.commit == commit}
        return [
            *(
                ShownCheck(
                    name=name,
                    light=_light(run.fields.get("conclusion") or "pending"),
                    title=run.fields["output"]["title"],
                    url=run.fields.get("details_url", ""),
                )
                for name, run in runs.items()
            ),
            *(
                ShownCheck(
                    name=name,
                    light=_light(one.fields["state"]),
                    title=one.fields["description"],
                    url=one.fields.get("target_url", ""),
                )
                for name, one in statuses.items()
            ),
        ]

    def kept(self, commit: str) -> int:
        """Check runs and statuses of a commit."""
        runs = [run for run in self._repository.runs if run.commit == commit]
        return len(runs) + len([one for one in self._repository.statuses if one.commit == commit])

    def reading(self) -> Forge:
        """The same forge with a token that may read and not write."""
        return self._poor


def _light(word: str) -> Light:
    if word in _RED:
        return Light.RED
    return Light.GREEN if word == "success" else Light.WAITING


@contextmanager
def opened(kind: str = "app") -> Iterator[GithubScene]:
    """A fresh GitHub with one repository.

    Args:
        kind: of the token: `app`, `workflow`, `fine` or `classic`; or `as-app`: an App's own key.
    """
    with serving(SystemClock()) as fake:
        yield GithubScene(fake, kind)
