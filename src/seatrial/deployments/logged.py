"""Where deployed models write their predictions down: for releases that are judged by labels, or that mirror requests.

Nothing is written unless a release asks for it (`services.NAME.release.quality`, or a step that mirrors): predictions may
hold what people would rather not have on a disk.
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


def wants_log(project: Path, model: str) -> bool:
    """Whether a service of this model is released by model metrics, or by copies whose answers are compared.

    Raises:
        UsageError: the configuration is wrong.
    """
    found = find_project(project)
    if found is None:
        return False
    releases = [found.releases[service.name] for service in found.services if service.model == model]
    return any(release.policy.quality or release.mirrors for release in releases)


def log_words(folder: Path) -> tuple[str, ...]:
    """What `seatrial serve` is told, so that it writes there."""
    return ("--log", str(folder), "--log-retain", str(KEPT_DAYS))
