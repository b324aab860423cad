"""Checks on GitHub: a check run where the token is an App's or a workflow's, a commit status otherwise.

Which of the two a token may write is known only by trying; the first refusal is remembered. What stands there already is
looked for before anything is written, so that a trial that goes on after a crash goes on with its check.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from seatrial.adapters.forge.github_api import GithubApi
from seatrial.adapters.forge.github_refusals import Aim, ForbiddenError
from seatrial.adapters.forge.github_shapes import (
    BATCH,
    LIMITS,
    annotation_key,
    run_fields,
    shaped,
    shows,
    status_fields,
    to_annotation,
)
from seatrial.records import Check, CheckPhase

_REMEMBERED: Final = 1_000
_STATUSES: Final = 1_000  # of one commit and name, says GitHub
_FOR_THE_END: Final = 20
_STATUS_KEYS: Final = ("state", "description", "target_url")
_DONE: Final = "completed"
_Run = dict[str, Any]


@dataclass(slots=True)
class _Standing:
    """A check of a commit as this process left it.

    Attributes:
        shown: what it was set to last.
        run: the check run that shows it.
        sent: annotations of that run.
        statuses: that stand there of that name; None: not looked yet.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    shown: Check | None = None
    run: _Run | None = None
    sent: set[Sequence[Any]] | None = None
    statuses: int | None = None


class GithubChecks:
    """Sets checks; safe to use from many threads.

    Args:
        api: what asks about a repository.
    """

    def __init__(self, api: Callable[[str], GithubApi]) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._standing: OrderedDict[tuple[str, str, str], _Standing] = OrderedDict()
        self._without_runs: set[str] = set()

    def put(self, check: Check) -> None:
        """Make the commit's check of this name as said. Raises as `GithubApi.ask`."""
        standing = self._of(check)
        with standing.lock:
            if standing.shown != check:
                self._show(check, standing)
                standing.shown = check

    def _of(self, check: Check) -> _Standing:
        key = (check.repository, check.commit, check.name)
        with self._lock:
            standing = self._standing.setdefault(key, _Standing())
            self._standing.move_to_end(key)
            if len(self._standing) > _REMEMBERED:
                self._standing.popitem(last=False)
        return standing

    def _show(self, check: Check, standing: _Standing) -> None:
        if check.repository in self._without_runs:
            self._show_status(check, standing)
            return
        try:
            self._show_run(check, standing)
        except ForbiddenError as refused:
            self._fall_back(check, standing, refused)
            self._without_runs.add(check.repository)

    def _fall_back(self, check: Check, standing: _Standing, refused: ForbiddenError) -> None:
        try:
            self._show_status(check, standing)
        except ForbiddenError:
            if refused.for_apps:
                raise
            raise refused from None

    def _show_run(self, check: Check, standing: _Standing) -> None:
        fields = run_fields(check)
        run = standing.run
        if run is None or not _goes_on(run, check):
            found = self._runs(check)
            run = next((one for one in found if _goes_on(one, check)), None)
            standing.sent = None
            if run is None:
                run, standing.sent = self._create(check, fields, found), set()
                self._end_others(check, run, found)
        if not shows(run, fields):
            run = self._change(check, run, fields)
        standing.run = run
        self._annotate(check, run, fields["output"], standing)

    def _runs(self, check: Check) -> list[_Run]:
        """Check runs of that name, the newest first."""
        path = f"/repos/{check.repository}/commits/{quote(check.commit, safe='')}/check-runs"
        given = {"check_name": check.name, "filter": "all"}
        aim = _aim(check, "read the checks of a commit", level="read")
        found = self._api(check.repository).pages(path, aim, params=given, inside="check_runs")
        same = [run for run in found if run.get("name") == check.name]
        return sorted(same, key=lambda run: -shaped(lambda one: int(one["id"]), run, aim))

    def _create(self, check: Check, fields: dict[str, Any], found: Sequence[_Run]) -> _Run:
        known = {run["id"] for run in found}

        def made() -> _Run | None:
            return next((run for run in self._runs(check) if _goes_on(run, check) and run["id"] not in known), None)

        body = {"name": check.name, "head_sha": check.commit, **fields}
        return self._written("POST", f"/repos/{check.repository}/check-runs", check, body, made)

    def _end_others(self, check: Check, run: _Run, found: Sequence[_Run]) -> None:
        """Runs of the same name that were left under way would stay so."""
        app = (run.get("app") or {}).get("id")
        for other in found:
            if other.get("status") == _DONE or app is None or (other.get("app") or {}).get("id") != app:
                continue
            said = {"title": "Replaced by a newer run", "summary": ""}
            body = {"status": _DONE, "conclusion": "cancelled", "output": said}
            self._change(check, other, body)

    def _missing(self, check: Check, run: _Run, standing: _Standing) -> list[dict[str, Any]]:
        wanted = [to_annotation(one) for one in check.annotations[: LIMITS.annotations]]
        if not wanted:
            return []
        if standing.sent is None:
            standing.sent = self._sent(check, run)
        return [one for one in wanted if annotation_key(one) not in standing.sent]

    def _sent(self, check: Check, run: _Run) -> set[Sequence[Any]]:
        aim = _aim(check, "read the annotations of a check", level="read")
        found = self._api(check.repository).pages(f"/repos/{check.repository}/check-runs/{run['id']}/annotations", aim)
        return {annotation_key(one) for one in found}

    def _annotate(self, check: Check, run: _Run, output: dict[str, Any], standing: _Standing) -> None:
        """Annotations come after the verdict, which stands even if GitHub does not take them."""
        missing = self._missing(check, run, standing)
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            sent, standing.sent = standing.sent or set(), None  # what a request that fails leaves is looked up
            self._append(check, run, output, batch)
            standing.sent = sent | set(map(annotation_key, batch))

    def _append(self, check: Check, run: _Run, output: dict[str, Any], batch: Sequence[dict[str, Any]]) -> None:
        """GitHub adds what is said to what is there, so that it must not be said twice."""

        def made() -> _Run | None:
            return run if {annotation_key(one) for one in batch} <= self._sent(check, run) else None

        self._change(check, run, {"output": {**output, "annotations": list(batch)}}, made)

    def _change(
        self, check: Check, run: _Run, body: dict[str, Any], made: Callable[[], _Run | None] = lambda: None
    ) -> _Run:
        return self._written("PATCH", f"/repos/{check.repository}/check-runs/{run['id']}", check, body, made)

    def _written(
        self, verb: str, path: str, check: Check, body: dict[str, Any], made: Callable[[], _Run | None] = lambda: None
    ) -> _Run:
        aim = _aim(check, "set checks")
        answer = self._api(check.repository).ask(verb, path, aim, body=body, done=made)
        return shaped(lambda data: {**data, "id": int(data["id"])}, answer.data, aim)

    def _show_status(self, check: Check, standing: _Standing) -> None:
        fields = status_fields(check)
        if standing.statuses is None:
            same = self._statuses(check, fields["context"])
            standing.statuses = len(same)
            if same and all((same[0].get(key) or "") == fields.get(key, "") for key in _STATUS_KEYS):
                return
        if check.phase is not CheckPhase.DONE and standing.statuses >= _STATUSES - _FOR_THE_END:
            return  # what is left is for the verdict
        path = f"/repos/{check.repository}/statuses/{quote(check.commit, safe='')}"
        self._api(check.repository).ask(
            "POST", path, _aim(check, "set commit statuses", permission="statuses"), body=fields
        )
        standing.statuses += 1

    def _statuses(self, check: Check, context: str) -> list[dict[str, Any]]:
        """Statuses of that name, the newest first."""
        path = f"/repos/{check.repository}/commits/{quote(check.commit, safe='')}/statuses"
        aim = _aim(check, "read commit statuses", permission="statuses", level="read")
        return [one for one in self._api(check.repository).pages(path, aim) if one.get("context") == context]


def _goes_on(run: _Run, check: Check) -> bool:
    """Whether a check run can become what is said: it is of the same trial, and nothing that is done starts again."""
    return run.get("external_id") == check.key and (run.get("status") != _DONE or check.phase is CheckPhase.DONE)


def _aim(check: Check, doing: str, *, permission: str = "checks", level: str = "write") -> Aim:
    return Aim(
        doing=doing,
        where=f"{check.repository}@{check.commit[:12]}",
        thing="repository or commit of that name",
        permission=permission,
        level=level,
    )
