"""A real Gitea as a scene of the contract of the Forge port."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seatrial.adapters.forge.gitea import GiteaForge
from seatrial.ports import Forge
from tests.contract.forges import ALL_FEATURES, Light, ShownCheck
from tests.forges.gitea.world import Gitea, WorkingCopy

FEATURES = ALL_FEATURES
READING = ("read:repository", "read:issue", "read:user")
NEEDED = ("write:repository", "write:issue", "read:user")
_LIGHTS = {"pending": Light.WAITING, "success": Light.GREEN, "failure": Light.RED, "error": Light.RED}


class GiteaScene:
    """A repository of its own on a Gitea that others share."""

    def __init__(self, gitea: Gitea, folder: Path) -> None:
        self._gitea = gitea
        self.owner = owner = gitea.account("owner")
        self._bot = gitea.account("bot", scopes=NEEDED)
        self._writer, self._reader, self._stranger = (gitea.account(name) for name in ("writer", "reader", "stranger"))
        self.account, self.admin = self._bot.name, owner.name
        self.writer, self.reader, self.stranger = self._writer.name, self._reader.name, self._stranger.name
        self.repository = gitea.repository(owner)
        for account, permission in ((self._bot, "admin"), (self._writer, "write"), (self._reader, "read")):
            gitea.let(self.repository, account, permission)
        self._copy = WorkingCopy(folder / "copy")
        self._copy.commit("main", {"model.txt": "1\n"})
        self._copy.push(gitea.clone_url(self.repository, owner), "main")
        self._fork = gitea.fork(self.repository, self._stranger)
        for repository in (self.repository, self._fork):
            gitea.without_checks_of_pushes(repository)
        self._forked: set[str] = set()
        reading = gitea.new_token(self.account, READING)
        self.forge: Forge = GiteaForge(gitea.url, "", self._bot.token)
        self._reading = GiteaForge(gitea.url, "", reading)
        self.secrets = (self._bot.token, reading)

    def open_pull(self, branch: str, *, fork: bool = False, draft: bool = False, labels: Sequence[str] = ()) -> int:
        """Push a new branch with one commit and open a pull request from it."""
        if fork:
            self._forked.add(branch)
        self.push(branch)
        return self._gitea.open_pull(
            self.repository,
            f"{self.stranger}:{branch}" if fork else branch,
            by=self._stranger if fork else self._writer,
            title=f"{'WIP: ' if draft else ''}Change {branch}",
            labels=labels,
        )

    def push(self, branch: str) -> str:
        """Push one more commit to a branch."""
        lines = len(self._copy.git("log", "--format=%H", "--all").splitlines())
        made = self._copy.commit(branch, {f"{branch}.txt": f"{lines}\n"})
        forked = branch in self._forked
        self._copy.push(
            self._gitea.clone_url(self._fork, self._stranger)
            if forked
            else self._gitea.clone_url(self.repository, self._writer),
            branch,
        )
        return made

    def tip(self, branch: str) -> str:
        """Id of the newest commit of a branch."""
        if branch == "main":
            found = self._gitea.call("GET", f"/repos/{self.repository}/branches/main")
            return str(found["commit"]["id"])
        return self._copy.tip(branch)

    def close_pull(self, number: int) -> None:
        """Close it without merging."""
        self._gitea.close_pull(self.repository, number)

    def merge_pull(self, number: int) -> None:
        """Merge it."""
        self._gitea.merge_pull(self.repository, number)

    def comment_as_other(self, number: int, text: str) -> str:
        """The writer comments."""
        return self._gitea.comment(self.repository, number, text, by=self._writer)

    def reactions(self, number: int, comment: str) -> Sequence[str]:  # noqa: ARG002 - ids are unique without the number
        """Reactions on a comment."""
        found = self._gitea.call("GET", f"/repos/{self.repository}/issues/comments/{comment}/reactions") or ()
        return [each["content"] for each in found]

    def checks(self, commit: str) -> Sequence[ShownCheck]:
        """The newest status of each context."""
        found = self._gitea.call("GET", f"/repos/{self.repository}/commits/{commit}/status?limit=50")
        return [
            ShownCheck(
                name=each["context"],
                light=_LIGHTS[each["status"]],
                title=each["description"],
                url=each["target_url"],
            )
            for each in found["statuses"] or ()
        ]

    def kept(self, commit: str) -> int:
        """How many statuses it has."""
        return len(self._gitea.statuses(self.repository, commit))

    def reading(self) -> Forge:
        """The same forge with a token that may read and not write."""
        return self._reading


@contextmanager
def opened(gitea: Gitea) -> Iterator[GiteaScene]:
    """A fresh repository on a running Gitea."""
    with tempfile.TemporaryDirectory(prefix="seatrial-gitea-") as folder:
        yield GiteaScene(gitea, Path(folder))
