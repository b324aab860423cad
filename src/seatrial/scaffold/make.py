"""The story of `seatrial init`: from options to a repository, or to what an existing one lacked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seatrial.scaffold.files import files_of, pipelines_of
from seatrial.scaffold.options import ProjectOptions
from seatrial.scaffold.repository import Git, Start, Surroundings, start_repository
from seatrial.scaffold.write import add_missing, create_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was made.

    Attributes:
        folder: where.
        name, ci: of the project, as used.
        added, left: paths of files that were written, and of those that were there already and stayed as they are.
        commit: the first one; None where nothing was committed.
        notes: what people should know.
    """

    folder: str
    name: str
    ci: str
    added: tuple[str, ...]
    left: tuple[str, ...] = ()
    commit: str | None = None
    notes: tuple[str, ...] = ()


def make_project(folder: Path, options: ProjectOptions, git: Callable[[Path], Git] | None) -> Made:
    """Make a new project.

    Args:
        folder: must not exist, or be empty.
        options: what was asked for.
        git: git in a folder; None: no repository is begun.

    Raises:
        SeatrialError: it can't be made; nothing of it is left then.
    """
    files = files_of(options)
    origin = options.forge.clone_url if options.forge else ""

    def begin(made: Path) -> Start | None:
        return start_repository(git(made), branch=options.branch, origin=origin) if git else None

    start = create_project(folder, files, begin)
    return Made(
        folder=str(folder),
        name=options.name,
        ci=options.ci.value,
        added=tuple(files),
        commit=start.commit if start else None,
        notes=start.notes if start else ("a trial needs a git repository: git init, and a first commit",),
    )


def complete_project(folder: Path, options: ProjectOptions, around: Surroundings) -> Made:
    """Add to an existing folder what it lacks of a project; nothing is overwritten and nothing committed.

    Raises:
        SeatrialError: it can't be added to; what had been added is taken away again.
    """
    files = files_of(options)
    wanted = files[".gitignore"].content.decode().splitlines()
    outcome = add_missing(folder, files)
    notes = [
        *_on_surroundings(around, pipelines_of(options)),
        *(_on_ignored(folder / ".gitignore", wanted) if ".gitignore" in outcome.left else ()),
    ]
    return Made(
        folder=str(folder),
        name=options.name,
        ci=options.ci.value,
        added=outcome.added,
        left=outcome.left,
        notes=tuple(notes),
    )


def _on_surroundings(around: Surroundings, pipelines: tuple[str, ...]) -> tuple[str, ...]:
    if not around.versioned:
        return ("a trial needs a git repository: git init, and a first commit",)
    if around.below:
        place = pipelines[0].partition("/")[0]
        return (
            f"this is {around.below} of a larger repository, and CI systems look for {place} at its top: move it there",
        )
    return ()


def _on_ignored(file: Path, wanted: list[str]) -> tuple[str, ...]:
    """What an existing .gitignore does not have; nothing where it is no text."""
    try:
        there = {line.strip() for line in file.read_text(encoding="utf-8").splitlines()}
    except (OSError, UnicodeDecodeError):
        return ()
    lacking = [line for line in wanted if line and not line.startswith("#") and line not in there]
    return (f".gitignore lacks {', '.join(lacking)}",) if lacking else ()
