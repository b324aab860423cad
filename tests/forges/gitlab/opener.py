"""The simulated GitLab server as a scene of the contract."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from seatrial.adapters.forge.gitlab import GitlabForge
from seatrial.ports import Forge
from tests.contract.forges import ALL_FEATURES, Light, ShownCheck
from tests.forges.gitlab.server import FakeGitlab, serving
from tests.forges.gitlab.state import DEVELOPER, LIVE, MAINTAINER, REPORTER, Account, MergeRequest, Note, Project, Token

FEATURES = ALL_FEATURES - {"git"}
TOKEN = "glpat-writes-0123456789"
READING = "glpat-reads-0123456789"


class GitlabScene:
    """One project in a group in a group, and a fork of it that the token may not write to."""

    def __init__(self, server: FakeGitlab) -> None:
        self.server = server
        state = server.state
        self.repository = "ship/crew/wine"
        self.account = "project_7_bot"
        self.writer, self.reader, self.stranger, self.admin = "wendy", "rita", "stan", "ada"
        self.secrets: tuple[str, ...] = (TOKEN, READING)
        self.people = {name: state.account(name) for name in (self.account, "wendy", "rita", "stan", "ada")}
        self.project = state.project(self.repository)
        self.fork = state.project("stan/wine", public=True)
        levels = {self.account: DEVELOPER, "wendy": DEVELOPER, "rita": REPORTER, "ada": MAINTAINER}
        self.project.members |= {self.people[name].id: level for name, level in levels.items()}
        self.fork.members[self.people["stan"].id] = 50
        state.tokens |= {
            TOKEN: Token(self.people[self.account]),
            READING: Token(self.people[self.account], writes=False),
        }
        self.forge: Forge = GitlabForge(server.url, "", TOKEN)
        self._requests: dict[str, MergeRequest] = {}

    def open_pull(self, branch: str, *, fork: bool = False, draft: bool = False, labels: Sequence[str] = ()) -> int:
        """Push a new branch with one commit and open a merge request from it."""
        source = self.fork if fork else self.project
        number = len(self.server.state.requests) + 1
        author = self.people["stan" if fork else "wendy"]
        made = MergeRequest(
            number, self.project, source, branch, f"Change {branch}", author, draft=draft, labels=list(labels)
        )
        self.server.state.requests.append(made)
        self._requests[branch] = made
        self.push(branch)
        return number

    def _source(self, branch: str) -> Project:
        request = self._requests.get(branch)
        return self.project if request is None or request.source is None else request.source

    def push(self, branch: str) -> str:
        """Push one more commit to a branch."""
        source = self._source(branch)
        commit = self.server.state.commit(source, branch)
        source.branches.setdefault(branch, []).append(commit)
        if branch in self._requests:
            request = self._requests[branch]
            request.commits.append(commit)
            state = self.server.state
            state.notes.append(Note(next(state.ids), request, request.author, "added 1 commit", system=True))
        return commit

    def tip(self, branch: str) -> str:
        """Id of the newest commit of a branch."""
        return self._source(branch).branches[branch][-1]

    def _request(self, number: int) -> MergeRequest:
        return self.server.state.requests[number - 1]

    def close_pull(self, number: int) -> None:
        """Close it without merging."""
        self._request(number).state = "closed"

    def merge_pull(self, number: int) -> None:
        """Merge it."""
        self._request(number).state = "merged"

    def comment_as_other(self, number: int, text: str) -> str:
        """The writer comments."""
        return str(self.say(number, self.people["wendy"], text).id)

    def say(self, number: int, author: Account, text: str, kind: str | None = None) -> Note:
        """Somebody comments; at a line of code if the kind is `DiffNote`."""
        state = self.server.state
        made = Note(next(state.ids), self._request(number), author, text, type=kind, created=state.now())
        state.notes.append(made)
        return made

    def reactions(self, number: int, comment: str) -> Sequence[str]:
        """Names of emoji."""
        (found,) = [note for note in self.server.state.notes if str(note.id) == comment]
        assert found.request is self._request(number)
        return [name for _, name in found.awards]

    def checks(self, commit: str) -> Sequence[ShownCheck]:
        """Statuses of the commit's newest pipelines, in the project or the fork."""
        shown = [row for row in self.server.state.statuses if row.pipeline.sha == commit and not row.retried]
        lights = {**dict.fromkeys(LIVE, Light.WAITING), "success": Light.GREEN}
        return [
            ShownCheck(
                name=row.name,
                light=lights.get(row.state, Light.RED),
                title=row.description or "",
                url=row.url or "",
            )
            for row in shown
        ]

    def kept(self, commit: str) -> int:
        """Rows of the commit, those that have a successor included."""
        return len([row for row in self.server.state.statuses if row.pipeline.sha == commit])

    def reading(self) -> Forge:
        """The same server with a token of the scope read_api."""
        return GitlabForge(self.server.url, "", READING)


@contextmanager
def opened() -> Iterator[GitlabScene]:
    """A fresh server; nothing that GitLab's document does not allow may have happened at the end."""
    with serving() as server:
        yield GitlabScene(server)
        assert [] == server.problems
