"""A new project: the files of a working ML repository, and how they get onto a disk.

`files_of` is pure: options in, contents out. `make_project` and `complete_project` write them; nobody's file is ever
overwritten, and an error leaves nothing half-made.
"""

from seatrial.scaffold.files import File, files_of, pipelines_of
from seatrial.scaffold.forge import Forge, parse_forge
from seatrial.scaffold.make import Made, complete_project, make_project
from seatrial.scaffold.options import Ci, ProjectOptions, check_name, choose_ci
from seatrial.scaffold.repository import look_around

__all__ = [
    "Ci",
    "File",
    "Forge",
    "Made",
    "ProjectOptions",
    "check_name",
    "choose_ci",
    "complete_project",
    "files_of",
    "look_around",
    "make_project",
    "parse_forge",
    "pipelines_of",
]
