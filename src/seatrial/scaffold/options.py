"""What a new project is asked for.

A name ends up in file names, jobs, Kubernetes objects and shell commands of five CI systems, so that it is checked once,
here, against what all of them take.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from seatrial.records import UsageError
from seatrial.scaffold.forge import Forge

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,38}[A-Za-z0-9]|[A-Za-z]")
_MOST: Final = 40
# What some YAML reader takes for a truth value, or for nothing.
_NO_TEXT: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


class Ci(StrEnum):
    """The systems that pipelines can be written for."""

    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"
    JENKINS = "jenkins"
    TEKTON = "tekton"


# Systems that run only where the code is; Jenkins, Tekton and Azure Pipelines build from anywhere.
_AT_HOME: Final[Mapping[str, Ci]] = {"github.com": Ci.GITHUB, "gitlab.com": Ci.GITLAB, "dev.azure.com": Ci.AZURE}
_TIED: Final = frozenset({Ci.GITHUB, Ci.GITLAB})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOptions:
    """What the files of a project depend on.

    Attributes:
        name: of the repository, the model and its deployment; see `check_name`.
        ci: whose pipelines are written.
        demo: whether a dataset, a trained model and a worse change come with it.
        forge: where the repository will be; None: not known yet.
        branch: the default branch, which pipelines of released models follow.
        seatrial: version that the pipelines install.
    """

    name: str
    ci: Ci
    seatrial: str
    demo: bool = False
    forge: Forge | None = None
    branch: str = "main"

    @property
    def label(self) -> str:
        """The name as a DNS label, which is what Kubernetes calls things by."""
        return self.name.lower().replace("_", "-")


def check_name(name: str) -> str:
    """The name, if every system that will see it takes it.

    Raises:
        UsageError: it does not fit; the remedy names one that does, where one is near.
    """
    if name.lower() in _NO_TEXT:
        raise UsageError(f"{name!r} is no text in YAML", where="NAME", remedy=f"take another name, as {name}-model")
    if _NAME.fullmatch(name):
        return name
    near = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    near = re.sub(r"^[^A-Za-z]+", "", near)[:_MOST].rstrip("-_")
    suggestion = f"; {near!r} would do" if _NAME.fullmatch(near) else ""
    raise UsageError(
        f"{name!r} can't be the name of a project",
        where="NAME",
        remedy=f"begin with a letter, go on with up to {_MOST - 1} letters, digits, - or _, end with a letter or "
        f"digit{suggestion}",
    )


def choose_ci(asked: Ci | None, forge: Forge | None) -> Ci:
    """The system that was asked for, else the one at home where the code will be, else GitHub's.

    Raises:
        UsageError: the one that was asked for does not run there.
    """
    home = _AT_HOME.get(forge.host) if forge else None
    if asked is None:
        return home or Ci.GITHUB
    if asked in _TIED and home not in {None, asked}:
        assert forge is not None  # noqa: S101 - `home` says so
        raise UsageError(
            f"pipelines for {asked} do not run at {forge.host}",
            where="--ci",
            remedy=f"use --ci {home}, or leave it out",
        )
    return asked
