"""Where deployed models write their predictions down: for services whose releases are judged by labels that come in later.

Nothing is written unless a release asks for it (`services.NAME.release.quality`): predictions may hold what people would
rather not have on a disk.
"""

from pathlib import Path
from typing import Final
from urllib.parse import quote

from seatrial.config import find_project

FOLDER: Final = "telemetry/predictions"
KEPT_DAYS: Final = 30


def log_folder(root: Path, model: str) -> Path:
    """The prediction log of all deployments of a model, below the project's workspace."""
    return root / FOLDER / quote(model, safe=" ")


def wants_labels(project: Path, model: str) -> bool:
    """Whether a service of this model is released by model metrics. Raises UsageError for a wrong configuration."""
    found = find_project(project)
    return found is not None and any(
        service.model == model and found.releases[service.name].policy.quality for service in found.services
    )


def log_words(folder: Path) -> tuple[str, ...]:
    """What `seatrial serve` is told, so that it writes there."""
    return ("--log", str(folder), "--log-retain", str(KEPT_DAYS))
