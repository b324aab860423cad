"""Remarks at lines of the change: the configuration of a deployment that never ran, and tests that failed.

A test's own words tell where it failed (`tests/test_api.py:12: AssertionError`, `File "features/steps/model.py", line 7`,
`features/model.feature:5`). Only paths inside the project count, so that no output can point anywhere else.
"""

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from seatrial.records import Annotation, AnnotationLevel, Report, Role, SeatrialError, Stage
from seatrial.trial.report.outcomes import FailedCase, failed_cases
from seatrial.wording.text import clip, last_lines, one_line
from seatrial.wording.verdicts import describe_failure

_EARLY = {Stage.CHECKOUT, Stage.STACK, Stage.BUILD, Stage.START}
_PLACES = (
    re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})'),
    re.compile(
        r"(?<![\w./\\:-])([\w.][\w./+-]{0,300}\.(?:py|ipynb|feature|robot|sh|js|ts|go|rs|java|rb|r|ya?ml|json|toml)):(\d{1,7})\b"
    ),
)
_LONGEST_MESSAGE = 4000
Place = tuple[str, int]


def deployment_lines(path: str, text: str) -> Mapping[str, Place]:
    """Where a configuration speaks of each deployment; empty where it can't be read.

    Args:
        path: of the file, from the repository's root.
        text: of the file.
    """
    try:
        document = YAML(typ="rt").load(io.StringIO(text))
    except (YAMLError, ValueError, RecursionError):
        return {}
    found = document.get("deployments") if isinstance(document, CommentedMap) else None
    if not isinstance(found, CommentedMap):
        return {}
    return {str(name): (path, found.lc.key(name)[0] + 1) for name in found}


def annotations(report: Report, lines: Mapping[str, Place], most: int) -> tuple[Annotation, ...]:
    """At most `most` remarks, failures of deployments before those of tests.

    Args:
        report: of the trial.
        lines: where the configuration speaks of each deployment.
        most: that the forge takes.
    """
    found = dict.fromkeys([*_of_deployments(report, lines), *_of_tests(report)])
    return tuple(found)[:most]


def annotations_of(error: SeatrialError) -> tuple[Annotation, ...]:
    """The line that an error is about (`seatrial.yaml:12`)."""
    found = re.match(r"([^\s:]+):(\d{1,7})(?::|\s|$)", error.where)
    path = _inside(found[1], "") if found else ""
    if not found or not path:
        return ()
    message = f"{error.what}\n{error.remedy}".strip()
    return (_annotation((path, int(found[2])), AnnotationLevel.FAILURE, "The trial could not run", message),)


def _of_deployments(report: Report, lines: Mapping[str, Place]) -> Iterator[Annotation]:
    for deployment in report.deployments:
        for cell in deployment.cells:
            failure = cell.result.failure
            if (
                failure is None
                or failure.stage not in _EARLY
                or deployment.name not in lines
                or cell.role is Role.MIXED
            ):
                continue
            level = AnnotationLevel.FAILURE if cell.role is Role.CANDIDATE else AnnotationLevel.WARNING
            message = f"{describe_failure(failure)}\n\n{last_lines(failure.log_tail, 20)}".strip()
            yield _annotation(lines[deployment.name], level, f"{cell.cell} did not run", message)


def _of_tests(report: Report) -> Iterator[Annotation]:
    candidates = {cell.cell for d in report.deployments for cell in d.cells if cell.role is Role.CANDIDATE}
    for deployment in report.deployments:
        for case in failed_cases(deployment):
            place = _place_of(case, report.change.project) if case.cell in candidates else None
            if place is not None:
                title = f"{case.test}: {case.name} failed on {case.cell}"
                yield _annotation(place, AnnotationLevel.FAILURE, title, case.message)


def _place_of(case: FailedCase, project: str) -> Place | None:
    """Where a case failed, by its message, else by its name; the last place that is inside the project."""
    for said in (case.message, case.name):
        for pattern in _PLACES:
            places = [(_inside(path, project), int(line)) for path, line in pattern.findall(said)]
            known = [place for place in places if place[0] and place[1] > 0]
            if known:
                return known[-1]
    return None


def _inside(path: str, project: str) -> str:
    """The path from the repository's root; empty for one that leads out of the project or into what was installed."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "site-packages" in parts or "<" in path:
        return ""
    return str(PurePosixPath("" if project == "." else project, *parts))


def _annotation(place: Place, level: AnnotationLevel, title: str, message: str) -> Annotation:
    path, line = place
    return Annotation(
        path=path,
        line=line,
        level=level,
        title=one_line(title, 200),
        message=clip(last_lines(message, 40), _LONGEST_MESSAGE) or "failed",
    )
