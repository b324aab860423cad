"""Registers versions of a small project's model without a registry, and tries them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seatrial.records import Actor, Artifact, Lineage, ModelVersion, Report
from seatrial.registry.listing import digest_of_path, files_of
from seatrial.trial.progress import unwatched
from seatrial.trial.run import Outcome
from seatrial.trial.versions import LaidVersion, VersionTrialRequest, run_version_trial
from seatrial.wiring import open_trial
from tests.end_to_end.projects import SmallProject

MODEL = "small"


@dataclass
class Shelf:
    """Where the files of registered versions lie, outside the repository."""

    folder: Path
    number: int = 0

    def register(self, source: Path, *, commit: str | None = None, stage: str = "Staging", **tags: str) -> LaidVersion:
        """Take a copy of a file or folder as the next version."""
        self.number += 1
        path = self.folder / str(self.number) / source.name
        path.parent.mkdir(parents=True)
        if source.is_dir():
            shutil.copytree(source, path)
        else:
            shutil.copy(source, path)
        return LaidVersion(version=described(path, self.number, commit=commit, stage=stage, tags=tags), path=path)


def described(
    path: Path, number: int, *, commit: str | None, stage: str, tags: Mapping[str, str] | None = None
) -> ModelVersion:
    """The record that a registry would have of it."""
    return ModelVersion(
        model=MODEL,
        number=number,
        artifact=Artifact(
            digest=digest_of_path(path),
            name=path.name,
            folder=path.is_dir(),
            size=path.stat().st_size,
            files=len(files_of(path)) if path.is_dir() else 1,
        ),
        stage=stage,
        creator=Actor(name="ada"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
        lineage=Lineage(commit=commit),
        tags=tags or {},
    )


def try_versions(
    project: SmallProject,
    candidate: LaidVersion,
    baseline: LaidVersion | None = None,
    *,
    place: str = "model.json",
    deployment: str = "small",
    **request: Any,
) -> Outcome:
    """Run the trial of a promotion."""
    stop = request.pop("stop", None)
    asked = VersionTrialRequest(
        project=project.folder,
        deployment=deployment,
        place=place,
        candidate=candidate,
        baseline=baseline,
        **request,
    )
    with open_trial(project.folder) as tools:
        return run_version_trial(asked, tools, unwatched, stop=stop)


def notes(report: Report) -> str:
    """All notes, one a line."""
    return "\n".join(report.notes)


def in_production(laid: LaidVersion) -> LaidVersion:
    """The same version, holding the final stage."""
    return replace(laid, version=replace(laid.version, stage="Production"))
