"""A real git repository as a scene of the contract."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seatrial.adapters.forge.local import LocalForge
from seatrial.adapters.forge.local_files import read_checks, read_pull
from seatrial.ports import Forge
from seatrial.records import CheckPhase, Conclusion
from tests.contract.forges import Light, ShownCheck

FEATURES = frozenset({"git", "reactions", "states"})
EMAIL = "ada@example.org"


class LocalScene:
    """One repository; the one account is git's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.email", EMAIL)
        self.git("config", "user.name", "Ada")
        self._commit("Begin")
        self.local = LocalForge(folder)
        self.forge: Forge = self.local
        self.repository = self.local.repository
        self.account = self.writer = self.reader = self.stranger = self.admin = EMAIL
        self.secrets: tuple[str, ...] = ()
        self.kept_in = folder / ".git" / "seatrial" / "forge"

    def git(self, *arguments: str) -> str:
        """Run git."""
        command = ["git", "-C", str(self.folder), "-c", "commit.gpgsign=false", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def _commit(self, subject: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def open_pull(self, branch: str, *, fork: bool = False, draft: bool = False, labels: Sequence[str] = ()) -> int:
        """Make a branch with one commit."""
        assert (False, False, ()) == (fork, draft, tuple(labels))
        self.git("checkout", "--quiet", "-b", branch, "main")
        self._commit(f"Change {branch}")
        number = self.local.number_of()
        assert number is not None
        self.forge.pull(self.repository, number)
        return number

    def push(self, branch: str) -> str:
        """One more commit on a branch."""
        self.git("checkout", "--quiet", branch)
        return self._commit(f"Change {branch}")

    def tip(self, branch: str) -> str:
        """Id of the newest commit of a branch."""
        return self.git("rev-parse", f"refs/heads/{branch}")

    def _branch(self, number: int) -> str:
        return read_pull(self.kept_in / "pulls" / str(number)).branch

    def close_pull(self, number: int) -> None:
        """Delete the branch."""
        self.git("checkout", "--quiet", "main")
        self.git("branch", "--quiet", "--delete", "--force", self._branch(number))

    def merge_pull(self, number: int) -> None:
        """Merge it."""
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--no-verify", "-m", "Merge", self._branch(number))

    def comment_as_other(self, number: int, text: str) -> str:
        """There is nobody else."""
        return self.forge.create_comment(self.repository, number, text).id

    def reactions(self, number: int, comment: str) -> Sequence[str]:
        """Those that are kept."""
        pull = read_pull(self.kept_in / "pulls" / str(number))
        return next(each.reactions for each in pull.comments if str(each.id) == comment)

    def checks(self, commit: str) -> Sequence[ShownCheck]:
        """What is in the commit's file."""
        found = read_checks(self.kept_in / "checks", commit)
        lights = {Conclusion.SUCCESS: Light.GREEN}
        return [
            ShownCheck(
                name=name,
                light=lights.get(check.conclusion or Conclusion.FAILURE, Light.RED)
                if check.phase is CheckPhase.DONE
                else Light.WAITING,
                title=check.title,
                url=check.url,
            )
            for name, check in found.items()
        ]

    def kept(self, commit: str) -> int:
        """Checks of the commit."""
        return len(read_checks(self.kept_in / "checks", commit))

    def reading(self) -> Forge:
        """There are no tokens."""
        raise NotImplementedError


@contextmanager
def opened() -> Iterator[LocalScene]:
    """A fresh repository."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "wine"
        top.mkdir()
        yield LocalScene(top)
