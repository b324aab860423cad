"""The shipped fake, `seatrial.testing.MemoryForge`, as a scene of the contract."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha1

from seatrial.ports import Forge
from seatrial.records import Conclusion, Permission, PullState
from seatrial.testing import MemoryForge
from tests.contract.forges import ALL_FEATURES, Light, ShownCheck

FEATURES = ALL_FEATURES - {"git"}


class MemoryScene:
    """One repository of a MemoryForge; git is played."""

    def __init__(self) -> None:
        self.repository = "ship/wine"
        self.account = "seatrial-bot"
        self.writer, self.reader, self.stranger, self.admin = "wendy", "rita", "stan", "ada"
        self.secrets: tuple[str, ...] = ()
        self.played = MemoryForge(self.account)
        self.forge: Forge = self.played
        self._branches: dict[str, list[str]] = {"main": ["main-1"]}
        self._numbers: dict[str, int] = {}
        for account, permission in (
            (self.writer, Permission.WRITE),
            (self.reader, Permission.READ),
            (self.admin, Permission.ADMIN),
            (self.account, Permission.WRITE),
        ):
            self.played.grant(self.repository, account, permission)

    def open_pull(self, branch: str, *, fork: bool = False, draft: bool = False, labels: Sequence[str] = ()) -> int:
        """Push a new branch with one commit and open a pull request from it."""
        self._branches[branch] = []
        head = self._commit(branch)
        number = self._numbers[branch] = len(self._numbers) + 1
        pull = self.played.open_pull(
            self.repository,
            number,
            head=head,
            base=self.tip("main"),
            head_repository="stranger/wine" if fork else self.repository,
            labels=tuple(labels),
        )
        self.played.put_pull(replace(pull, title=f"Change {branch}", head_ref=branch, draft=draft))
        return number

    def _commit(self, branch: str) -> str:
        made = sha1(f"{branch} {len(self._branches[branch])}".encode(), usedforsecurity=False).hexdigest()
        self._branches[branch].append(made)
        return made

    def push(self, branch: str) -> str:
        """Push one more commit to a branch."""
        head = self._commit(branch)
        if branch in self._numbers:
            self.played.push(self.repository, self._numbers[branch], head)
        return head

    def tip(self, branch: str) -> str:
        """Id of the newest commit of a branch."""
        return self._branches[branch][-1]

    def close_pull(self, number: int) -> None:
        """Close it without merging."""
        self.played.put_pull(replace(self.played.pull(self.repository, number), state=PullState.CLOSED))

    def merge_pull(self, number: int) -> None:
        """Merge it."""
        self.played.put_pull(replace(self.played.pull(self.repository, number), state=PullState.MERGED))

    def comment_as_other(self, number: int, text: str) -> str:
        """The writer comments."""
        return self.played.say(self.repository, number, self.writer, text).id

    def reactions(self, number: int, comment: str) -> Sequence[str]:
        """Eyes, where it was acknowledged."""
        self.played.pull(self.repository, number)
        return ["eyes"] * self.played.acknowledged.count(comment)

    def checks(self, commit: str) -> Sequence[ShownCheck]:
        """What is shown of a commit's checks."""
        lights = {None: Light.WAITING, Conclusion.SUCCESS: Light.GREEN}
        return [
            ShownCheck(name=check.name, light=lights.get(check.conclusion, Light.RED), title=check.title, url=check.url)
            for check in self.played.checks(self.repository, commit).values()
        ]

    def kept(self, commit: str) -> int:
        """How many checks the commit has."""
        return len(self.played.checks(self.repository, commit))

    def reading(self) -> Forge:
        """The same forge with a token that may read and not write."""
        return self.played.as_account(self.account, may_write=False)


@contextmanager
def opened() -> Iterator[MemoryScene]:
    """A fresh forge."""
    yield MemoryScene()
