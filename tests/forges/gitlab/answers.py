"""What a GitLab server answers, by operation of its published document.

Statuses behave as in `Ci::CreateCommitStatusService` of GitLab's source: a live one of the same pipeline, ref, name and
account is moved on; from `running` nothing leads to `running` or `pending`; an ended one gets a successor.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.forges.gitlab import shapes
from tests.forges.gitlab.published import Operation
from tests.forges.gitlab.state import (
    DEVELOPER,
    LIVE,
    MAINTAINER,
    Account,
    MergeRequest,
    Note,
    Pipeline,
    Project,
    State,
    Status,
    Token,
)

Json = Any
NOTE_CHARACTERS = 1_000_000
_FROM: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "pending": ("enqueue", ("created",)),
    "running": ("run", ("created", "pending")),
    "success": ("success", LIVE),
    "failed": ("drop", LIVE),
    "canceled": ("cancel", LIVE),
}
_ORDERS = re.compile(r"^/(close|merge|approve|assign)\b", re.MULTILINE)


class Refused(Exception):  # noqa: N818 (an answer, no error of the server's)
    """An answer that is no success."""

    def __init__(self, status: int, message: Json) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Asked:
    """One request."""

    operation: Operation
    query: Mapping[str, str]
    body: Mapping[str, Json]
    token: Token | None


class Answers:
    """Looks into the server's state and changes it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: Mapping[str, Callable[[Asked], tuple[int, Json]]] = {
            "getApiV4User": self._own_user,
            "getApiV4Users": self._users,
            "getApiV4ProjectsId": lambda asked: (200, shapes.project(self._project(asked))),
            "getApiV4ProjectsIdMembersAllUserId": self._member,
            "getApiV4ProjectsIdRepositoryBranchesBranch": self._branch,
            "getApiV4ProjectsIdMergeRequestsMergeRequestIid": lambda asked: (200, shapes.request(self._request(asked))),
            "getApiV4ProjectsIdMergeRequestsNoteableIdNotes": self._notes,
            "postApiV4ProjectsIdMergeRequestsNoteableIdNotes": self._add_note,
            "putApiV4ProjectsIdMergeRequestsNoteableIdNotesNoteId": self._change_note,
            "deleteApiV4ProjectsIdMergeRequestsNoteableIdNotesNoteId": self._delete_note,
            "postApiV4ProjectsIdMergeRequestsMergeRequestIidNotesNoteIdAwardEmoji": self._award,
            "getApiV4ProjectsIdRepositoryCommitsShaMergeRequests": self._requests_of,
            "getApiV4ProjectsIdRepositoryCommitsShaStatuses": self._statuses,
            "postApiV4ProjectsIdStatusesSha": self._set_status,
            "getApiV4ProjectsIdPipelines": self._pipelines,
        }

    def answer(self, asked: Asked) -> tuple[int, Json]:
        """Status and body."""
        try:
            return self._known[asked.operation.said["operationId"]](asked)
        except Refused as refused:
            return refused.status, {"message": refused.message}

    # Who asks, and for what.

    def _account(self, asked: Asked) -> Account:
        if asked.token is None:
            raise Refused(401, "401 Unauthorized")
        return asked.token.account

    def _may(self, asked: Asked, project: Project, level: int) -> Account:
        account = self._account(asked)
        if asked.token is None or not asked.token.writes or project.members.get(account.id, 0) < level:
            raise Refused(403, "403 Forbidden")
        return account

    def _project(self, asked: Asked) -> Project:
        found = self._state.find_project(asked.operation.path["id"])
        account = None if asked.token is None else asked.token.account
        if found is None or not (found.public or (account is not None and account.id in found.members)):
            raise Refused(404, "404 Project Not Found")
        return found

    def _request(self, asked: Asked) -> MergeRequest:
        path = asked.operation.path
        iid = int(path.get("merge_request_iid", path.get("noteable_id", "0")))
        project = self._project(asked)
        for each in self._state.requests:
            if each.project is project and each.iid == iid:
                return each
        raise Refused(404, "404 Not found")

    def _note(self, asked: Asked) -> Note:
        request, wanted = self._request(asked), int(asked.operation.path["note_id"])
        for each in self._state.notes:
            if each.request is request and each.id == wanted:
                return each
        raise Refused(404, "404 Note Not Found")

    # People.

    def _own_user(self, asked: Asked) -> tuple[int, Json]:
        return 200, shapes.own_user(self._account(asked))

    def _users(self, asked: Asked) -> tuple[int, Json]:
        self._account(asked)
        wanted = asked.query["username"].lower()
        return 200, [shapes.user(each) for each in self._state.accounts if each.username.lower() == wanted]

    def _member(self, asked: Asked) -> tuple[int, Json]:
        project, wanted = self._project(asked), int(asked.operation.path["user_id"])
        level = project.members.get(wanted)
        if level is None:
            raise Refused(404, "404 Not found")
        account = next(each for each in self._state.accounts if each.id == wanted)
        return 200, shapes.member(account, level)

    # Code.

    def _branch(self, asked: Asked) -> tuple[int, Json]:
        project, name = self._project(asked), asked.operation.path["branch"]
        if name not in project.branches:
            raise Refused(404, "404 Branch Not Found")
        return 200, shapes.branch(project, name)

    def _commit(self, asked: Asked, project: Project) -> str:
        commit = asked.operation.path["sha"]
        if not self._state.knows(project, commit):
            raise Refused(404, "404 Commit Not Found")
        return commit

    def _requests_of(self, asked: Asked) -> tuple[int, Json]:
        project = self._project(asked)
        commit = self._commit(asked, project)
        of_commit = (each for each in self._state.requests if each.project is project and commit in each.commits)
        wanted = asked.query.get("state", "all")
        return 200, [shapes.request_basic(each) for each in of_commit if wanted in {"all", each.state}]

    # Notes.

    def _notes(self, asked: Asked) -> tuple[int, Json]:
        request = self._request(asked)
        found = [each for each in self._state.notes if each.request is request]
        newest_first = asked.query.get("sort", "desc") == "desc"
        return 200, [shapes.note(each) for each in (reversed(found) if newest_first else found)]

    def _text(self, asked: Asked) -> str:
        text = str(asked.body["body"])
        if len(text) > NOTE_CHARACTERS:
            raise Refused(400, {"note": [f"is too long (maximum is {NOTE_CHARACTERS} characters)"]})
        return text

    def _add_note(self, asked: Asked) -> tuple[int, Json]:
        request = self._request(asked)
        account, text = self._may(asked, request.project, DEVELOPER), self._text(asked)
        if order := _ORDERS.search(text):
            request.state = {"close": "closed", "merge": "merged"}.get(order[1], request.state)
        made = Note(next(self._state.ids), request, account, text, created=self._state.now())
        self._state.notes.append(made)
        return 201, shapes.note(made)

    def _change_note(self, asked: Asked) -> tuple[int, Json]:
        found = self._note(asked)
        account = self._may(asked, found.request.project, DEVELOPER)
        if found.author is not account and found.request.project.members[account.id] < MAINTAINER:
            raise Refused(403, "403 Forbidden")
        found.body = self._text(asked)
        return 200, shapes.note(found)

    def _delete_note(self, asked: Asked) -> tuple[int, Json]:
        found = self._note(asked)
        self._may(asked, found.request.project, DEVELOPER)
        self._state.notes.remove(found)
        return 204, None

    def _award(self, asked: Asked) -> tuple[int, Json]:
        found, name = self._note(asked), str(asked.body["name"])
        account = self._may(asked, found.request.project, 10)
        if (account, name) in found.awards:
            raise Refused(404, "404 Award Emoji Name has already been taken Not Found")
        found.awards.append((account, name))
        return 201, shapes.award(self._state, found, account, name)

    # Pipelines and statuses.

    def _pipelines(self, asked: Asked) -> tuple[int, Json]:
        project = self._project(asked)
        found = [each for each in self._state.pipelines if each.project is project and each.sha == asked.query["sha"]]
        return 200, [shapes.pipeline(each) for each in reversed(found)]

    def _statuses(self, asked: Asked) -> tuple[int, Json]:
        project = self._project(asked)
        commit = self._commit(asked, project)
        found = [
            each
            for each in self._state.statuses
            if each.pipeline.project is project and each.pipeline.sha == commit and not each.retried
        ]
        wanted = asked.query.get("name")
        return 200, [shapes.status(each) for each in found if wanted in {None, each.name}]

    def _set_status(self, asked: Asked) -> tuple[int, Json]:
        project = self._project(asked)
        account = self._may(asked, project, DEVELOPER)
        commit, body = self._commit(asked, project), asked.body
        for key in ("description", "target_url", "name", "ref"):
            if len(body.get(key) or "") > 255:
                raise Refused(400, {key: ["is too long (maximum is 255 characters)"]})
        pipeline = self._pipeline(asked, project, commit)
        name = str(body.get("name", "default"))
        row = self._live(pipeline, account, name) or Status(next(self._state.ids), pipeline, account, name)
        event, before = _FROM[body["state"]]
        if row.state not in before:
            reason = f'(Reason(s): Status cannot transition via "{event}")'
            raise Refused(400, f"Cannot transition status via :{event} from :{row.state} {reason}")
        if row not in self._state.statuses:
            for older in self._state.statuses:
                older.retried = older.retried or (older.pipeline is pipeline and older.name == name)
            self._state.statuses.append(row)
        row.state = body["state"]
        row.description = body.get("description", row.description)
        row.url = body.get("target_url", row.url)
        return 201, shapes.status(row)

    def _live(self, pipeline: Pipeline, account: Account, name: str) -> Status | None:
        of_name = (each for each in self._state.statuses if each.pipeline is pipeline and each.name == name)
        return next((each for each in of_name if each.author is account and each.state in LIVE), None)

    def _pipeline(self, asked: Asked, project: Project, commit: str) -> Pipeline:
        ref, number = asked.body.get("ref"), asked.body.get("pipeline_id")
        for each in reversed(self._state.pipelines):
            if each.project is project and each.sha == commit and ref in {None, each.ref} and number in {None, each.id}:
                return each
        if number is not None:
            raise Refused(404, "404 Pipeline for pipeline_id, sha and ref Not Found")
        place = ref or project.branch_of(commit)
        if place is None:
            raise Refused(404, "404 References for commit Not Found")
        made = Pipeline(next(self._state.ids), project, commit, place)
        self._state.pipelines.append(made)
        return made
