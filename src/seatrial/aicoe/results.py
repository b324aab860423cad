"""After a trial in a repository of the AICoE ecosystem: its results are gathered and kept where that ecosystem looks.

Nothing here ends a trial: what can't be asked or stored is a sentence beside the results, and the verdict stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from seatrial.aicoe.gathered import Facts, PodUsage, Row, rows
from seatrial.aicoe.layout import encoded, processed, store_results
from seatrial.aicoe.place import OVERLAY, PODS, find_facts
from seatrial.aicoe.platform import gather, read_pods, span_of_tests
from seatrial.files import write_whole
from seatrial.ports import Objects, Query
from seatrial.records import Report, SeatrialError
from seatrial.wording.keys import key_part

_FILES: Final = {
    "PIPELINE_HELPERS_METRICS_FILE_PATH": "model_application_metrics",
    "PIPELINE_HELPERS_PLATFORM_METRICS_FILE_PATH": "platform_metrics",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTools:
    """What results are gathered with and where they are kept.

    Attributes:
        folder: that relative paths of the environment count from.
        environ: of the pipeline.
        where: the objects are, for people.
        objects: None where they can't be opened.
        prometheus: None where the environment names none.
        known: what the caller's CI system or bot knows of repository and pull request.
        problems: sentences on what could not be opened.
    """

    folder: Path
    environ: Mapping[str, str]
    where: str = ""
    objects: Objects | None = None
    prometheus: Query | None = None
    known: Facts = field(default_factory=Facts)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a trial's results.

    Attributes:
        facts: for the comment (`seatrial.aicoe.comment.render_aicoe`).
        where: the objects are, for people; empty if nothing was stored.
        keys: of what was stored there.
        files: that the environment asked for.
        problems: sentences on what could not be gathered or kept; the verdict stands regardless.
    """

    facts: Facts
    where: str = ""
    keys: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    problems: tuple[str, ...] = ()


def keep_results(report: Report, tools: ResultTools) -> Kept:
    """Gather what a report does not say, write the files that the environment names, and store everything. Raises nothing of ours."""
    problems = list(tools.problems)
    facts = find_facts(report, tools.environ, lambda path: (tools.folder / path).read_bytes(), tools.known)
    facts = replace(facts, platform=_platform(report, tools, facts, problems))
    files = _write_files(report, tools, facts, problems)
    keys: tuple[str, ...] = ()
    if tools.objects is not None:
        try:
            keys = store_results(report, tools.objects, facts)
        except SeatrialError as error:
            problems.append(_sentence("the results could not be stored", error))
    return Kept(facts=facts, where=tools.where if keys else "", keys=keys, files=files, problems=tuple(problems))


def _platform(report: Report, tools: ResultTools, facts: Facts, problems: list[str]) -> Mapping[str, PodUsage]:
    if tools.prometheus is None:
        return facts.platform
    try:
        pods = _pods(tools.environ)
    except SeatrialError as error:
        problems.append(_sentence("the platform metrics are those that seatrial measured", error))
        return facts.platform
    found = gather(tools.prometheus, report, facts.namespace, pods, span_of_tests(report, tools.environ))
    left = [each.name for each in report.deployments if each.name not in found]
    if left:
        problems.append(
            f"{PODS} names no pod of {', '.join(left)}: their platform metrics are those that seatrial measured"
        )
    return {**facts.platform, **found}


def _pods(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Pods by deployment; a pod by itself is that of the overlay that the pipeline's step is for."""
    pods = read_pods(environ.get(PODS, ""))
    overlay = environ.get(OVERLAY, "")
    return {name or overlay: pod for name, pod in pods.items()}


def _write_files(report: Report, tools: ResultTools, facts: Facts, problems: list[str]) -> tuple[Path, ...]:
    written: list[Path] = []
    for name, section in _FILES.items():
        asked = tools.environ.get(name, "")
        if not asked:
            continue
        found = rows(report, facts)
        for row in found:
            path = _file_of(tools.folder / asked, row, several=len(found) > 1)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, encoded(processed(row)[section]))
            except OSError as error:
                problems.append(f"{path}, which {name} asks for, could not be written: {error.strerror}")
            else:
                written.append(path)
    return tuple(written)


def _file_of(path: Path, row: Row, *, several: bool) -> Path:
    """Each deployment's own file where there are several: `metrics-inference.json`."""
    return path.with_name(f"{path.stem}-{key_part(row.deployment)}{path.suffix}") if several else path


def _sentence(what: str, error: SeatrialError) -> str:
    remedy = f" → {error.remedy}" if error.remedy else ""
    return f"{what}: {error.what}{remedy}"
