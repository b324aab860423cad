"""A check as GitLab has it: the status of a commit, a row in the pipeline of its branch or merge request.

What GitLab makes of it (docs.gitlab.com/api/commits, `Ci::CreateCommitStatusService` of its source):

- A status that is `pending` or `running` can't change its text: the same state again is refused with 400, which counts as
  done here. So the row shows the text that it began to run with, until it ends. An ended one is followed by a new row.
- It has neither a neutral nor an action-required end. Both are `failed`: inconclusive and broken do not let a change pass.
- Of a merge request from a fork it belongs into the fork, where the merge request's pipeline is. A token that may not
  write there sets it on the merge request's own ref in the target: people see it at the commit.
- It goes into the newest pipeline of the commit; where there is none GitLab makes one, of the branch that it is told.
- Jobs of `.gitlab-ci.yml` are statuses too, perhaps of the same name, but have no description.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seatrial.adapters.forge.gitlab_api import GitlabApi, GitlabRefusedError, Json, Value, once, project_path
from seatrial.records import Check, CheckPhase, Conclusion

_STATES: Final[Mapping[Conclusion, str]] = {
    Conclusion.SUCCESS: "success",
    Conclusion.FAILURE: "failed",
    Conclusion.NEUTRAL: "failed",
    Conclusion.ACTION_REQUIRED: "failed",
    Conclusion.CANCELLED: "canceled",
}
_WORDS: Final[Mapping[Conclusion, str]] = {
    Conclusion.NEUTRAL: "inconclusive",
    Conclusion.ACTION_REQUIRED: "broken",
}
_LIVE: Final = {"created": 0, "pending": 0, "running": 1}
_LONGEST: Final = 255
_SAME_STATE: Final = "Cannot transition status"
_DOING: Final = "set the commit's status"
_ELSEWHERE: Final = frozenset({401, 403, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """What GitLab keeps of a check."""

    name: str
    state: str
    description: str
    url: str

    @property
    def body(self) -> Mapping[str, Value]:
        """As GitLab is told it."""
        told = {"state": self.state, "name": self.name, "description": self.description}
        return {**told, "target_url": self.url} if self.url else told

    def is_in(self, row: Json) -> bool:
        """Whether a row says all of this."""
        told = (row.get("status"), row.get("description"), row.get("target_url") or "")
        return told == (self.state, self.description, self.url)

    def is_behind(self, row: Json) -> bool:
        """Whether a live row is as far or farther already."""
        return self.state in _LIVE and _LIVE[self.state] <= _LIVE[row["status"]]


@dataclass(frozen=True, slots=True)
class _Home:
    """A project that a commit's status may be put into, and the ref of a pipeline that has to be made for it."""

    project: str | int
    ref: str


def set_status(api: GitlabApi, check: Check, own: int | None) -> None:
    """Make the commit's status as the check says.

    Args:
        api: of the server.
        check: to be shown.
        own: number of the token's account, if that is known; others' statuses of the same name are left alone.
    """
    status = _status(check)
    homes = list(_homes(api, check))
    for home in homes[:-1]:
        try:
            _put(api, home, check.commit, status, own)
        except GitlabRefusedError as error:
            if error.status not in _ELSEWHERE:
                raise
        else:
            return
    _put(api, homes[-1], check.commit, status, own)


def _status(check: Check) -> _Status:
    text = check.title
    if check.phase is not CheckPhase.DONE:
        state = "pending" if check.phase is CheckPhase.QUEUED else "running"
    else:
        ended = check.conclusion or Conclusion.ACTION_REQUIRED
        state = _STATES[ended]
        word = _WORDS.get(ended, "")
        text = text if word in text.lower() else f"{word}: {text}"
    url = check.url if len(check.url) <= _LONGEST else ""
    return _Status(name=_cut(check.name), state=state, description=_cut(text or state), url=url)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _homes(api: GitlabApi, check: Check) -> Iterator[_Home]:
    """Where the status may go, the best first."""
    request = _merge_request(api, check)
    if request is None:
        yield _Home(check.repository, "")
        return
    source = request.get("source_project_id")
    if source == request.get("target_project_id"):
        yield _Home(check.repository, str(request["source_branch"]))
        return
    if source is not None:
        yield _Home(source, str(request["source_branch"]))
    yield _Home(check.repository, f"refs/merge-requests/{request['iid']}/head")


def _merge_request(api: GitlabApi, check: Check) -> Json | None:
    """The open merge request whose newest commit it is, if there is one."""
    path = f"{project_path(check.repository)}/repository/commits/{check.commit}/merge_requests"
    try:
        found = [each for each in api.items(path, _DOING, state="opened") if each.get("sha") == check.commit]
    except GitlabRefusedError as error:
        if error.status != 404 or "Commit" not in error.said:  # noqa: PLR2004 (HTTP's)
            raise
        return None
    return min(found, key=lambda each: int(each["iid"]), default=None)


def _put(api: GitlabApi, home: _Home, commit: str, status: _Status, own: int | None) -> None:
    newest = _newest(api, home, commit, status.name, own)
    if newest is not None and status.is_in(newest):
        return
    live = newest if newest is not None and newest["status"] in _LIVE else None
    if live is not None and status.is_behind(live):
        return
    place = _place_of(live) if live is not None else _new_place(api, home, commit)

    def set_it() -> Json:
        return api.post(f"{project_path(home.project)}/statuses/{commit}", _DOING, {**status.body, **place})

    def there() -> Json | None:
        row = _newest(api, home, commit, status.name, own)
        return row if row is not None and status.is_in(row) else None

    try:
        once(set_it, there)
    except GitlabRefusedError as error:
        if not error.said.startswith(_SAME_STATE):
            raise


def _newest(api: GitlabApi, home: _Home, commit: str, name: str, own: int | None) -> Json | None:
    path = f"{project_path(home.project)}/repository/commits/{commit}/statuses"
    rows = [row for row in api.items(path, "read the commit's statuses", name=name) if _is_own(row, own)]
    return max(rows, key=lambda row: int(row["id"]), default=None)


def _is_own(row: Json, own: int | None) -> bool:
    author = row.get("author") or {}
    return bool(row.get("description")) and (own is None or author.get("id") == own)


def _place_of(row: Json) -> Mapping[str, Value]:
    """Where a live row is: told otherwise, GitLab would begin a second one."""
    return {key: row[key] for key in ("pipeline_id", "ref") if row.get(key)}


def _new_place(api: GitlabApi, home: _Home, commit: str) -> Mapping[str, Value]:
    pipelines = api.items(
        f"{project_path(home.project)}/pipelines", "read the commit's pipelines", sha=commit, per_page=1
    )
    newest = next(pipelines, None)
    if newest is not None:
        return {"pipeline_id": newest["id"], "ref": newest["ref"]}
    return {"ref": home.ref} if home.ref else {}
