"""What the tests of new projects share: options, every kind of project, and a shell that is nobody's."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from seatrial.scaffold import Ci, ProjectOptions, files_of, parse_forge
from seatrial.scaffold.write import create_project

OWN = Path(sys.executable).parent
FORGES = {
    Ci.GITHUB: "https://github.com/sailors/wine_2",
    Ci.GITLAB: "https://gitlab.example.org/sea/sailors/wine_2",
    Ci.AZURE: "https://dev.azure.com/sea/sailors/_git/wine_2",
    Ci.JENKINS: "https://git.example.org/sailors/wine_2",
    Ci.TEKTON: "https://github.com/sailors/wine_2",
}


def options(ci: Ci = Ci.GITHUB, *, demo: bool = False, forge: bool = True, branch: str = "main") -> ProjectOptions:
    """Options of a project called `wine_2`."""
    address = parse_forge(FORGES[ci]) if forge else None
    return ProjectOptions(name="wine_2", ci=ci, seatrial="0.1.0", demo=demo, forge=address, branch=branch)


def kinds(ci: Ci) -> Iterator[ProjectOptions]:
    """Every kind of project for one CI system."""
    for demo, forge in product((False, True), repeat=2):
        yield options(ci, demo=demo, forge=forge)


def written(folder: Path, chosen: ProjectOptions) -> Path:
    """The files of a project in a new folder, without git."""
    create_project(folder, files_of(chosen), lambda _: None)
    return folder


def environment(**more: str) -> dict[str, str]:
    """Of a person who works with this seatrial: it is on the PATH, and git knows a name."""
    names = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    return {
        "UV_SYSTEM_CERTS": "1" if bundle.exists() else "0",
        **os.environ,
        **names,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PATH": os.pathsep.join([str(OWN), os.environ["PATH"]]),
        **more,
    }


def run(command: Sequence[str | Path], cwd: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as such a person."""
    return subprocess.run(command, cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False)


def init(cwd: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`seatrial init`."""
    program = [sys.executable, "-c", "from seatrial.cli.entry import main; main()"]
    return run([*program, "init", *arguments], cwd, **more)
