"""`seatrial.yaml`: the only place where input of users is validated; inside, values are already right."""

from seatrial.config.foreign import CONFIG_NAME
from seatrial.config.load import find_project, load_project, load_with_notes, read_project, read_release, to_release

__all__ = [
    "CONFIG_NAME",
    "find_project",
    "load_project",
    "load_with_notes",
    "read_project",
    "read_release",
    "to_release",
]
