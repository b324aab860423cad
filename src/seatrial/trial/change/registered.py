"""Finds the code that a registered version is tried in: that of the commit which it was registered with.

What is promoted is a model with the code and the software stack that were there when it was made, not its bytes alone:
a pickle reads differently under another scikit-learn, features are computed by code. Where the commit isn't known or
isn't here, the project as it is now stands in, and a note says so.
"""

import re
from dataclasses import dataclass, replace

from seatrial.config import CONFIG_NAME
from seatrial.records import ModelVersion, Version
from seatrial.trial.change.git import Repository, shown

DIRTY_TAG = "git.dirty"
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Found:
    """The version that a registered one becomes in a trial, and how it was found."""

    version: Version
    notes: tuple[str, ...] = ()


def find_code(repository: Repository, registered: ModelVersion, *, name: str, today: Version) -> Found:
    """The tree that a registered version runs in.

    Args:
        repository: of the project.
        registered: as the registry has it; its commit may come from anywhere.
        name: `baseline` or `candidate`.
        today: the project as it is now, which stands in where the commit can't be used.
    """
    described = f"{registered.id} ({registered.stage})"
    commit = registered.lineage.commit
    found, tree, problem = _look_up(repository, commit)
    if problem:
        stand_in = replace(today, name=name, described=described, registered=registered.id)
        return Found(stand_in, (f"{registered.id} runs in the project as it is now ({today.described}): {problem}",))
    version = Version(name=name, tree=tree, commit=found, described=described, registered=registered.id)
    notes = [f"{registered.id} runs in the code of {_short(found or '')}, which it was registered with"]
    if registered.tags.get(DIRTY_TAG) == "true":
        notes.append(
            f"{registered.id} was registered with uncommitted changes on {_short(found or '')}; "
            "they are in no commit, so it runs without them"
        )
    return Found(version, tuple(notes))


def _look_up(repository: Repository, commit: str | None) -> tuple[str | None, str | None, str]:
    """The commit and tree of what the registry calls a commit, and why they can't be used (empty where they can)."""
    if not commit:
        return None, None, "it was registered without a commit"
    if not _COMMIT.fullmatch(commit):
        return None, None, f"{shown(commit)[:60]!r}, which it was registered with, is no id of a commit"
    found, tree, config = repository.git.resolve(
        f"{commit}^{{commit}}", f"{commit}^{{tree}}", f"{commit}:{repository.within(CONFIG_NAME)}"
    )
    # An abbreviated id may be the name of a branch as well, which moves.
    if found is None or tree is None or not found.startswith(commit):
        cut = ", whose history is cut off (`git fetch --unshallow`; GitHub Actions: `fetch-depth: 0`)"
        return None, None, f"its commit {_short(commit)} is not in this clone{cut if repository.shallow else ''}"
    if config is None:
        return None, None, f"its commit {_short(commit)} has no {CONFIG_NAME}"
    return found, tree, ""


def _short(commit: str) -> str:
    return commit[:7]
