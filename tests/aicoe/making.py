"""Repositories as AICoE-CI has them, small: files in memory, on disk, and in git."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from seatrial.config.aicoe.convert import convert_aicoe
from seatrial.config.aicoe.drafts import Converted
from seatrial.config.aicoe.machine import System
from seatrial.records import DeploymentSpec

HERE = System(name="debian", version="12", cuda=False)
SIX = "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
LOCK = json.dumps(
    {
        "_meta": {"sources": [{"name": "pypi", "url": "https://pypi.org/simple"}], "requires": {}},
        "default": {"six": {"version": "==1.16.0", "hashes": [SIX], "index": "pypi"}},
    }
)


class Memory:
    """Files by path."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def read(self, path: str) -> bytes | None:
        """The contents of one."""
        text = self._files.get(path)
        return None if text is None else text.encode()

    def names(self, folder: str) -> list[str]:
        """The names below a folder."""
        within = [path.removeprefix(f"{folder}/") for path in self._files if path.startswith(f"{folder}/")]
        return sorted({path.split("/")[0] for path in within})


def overlay(name: str = "inference", *, build: str = "{build-strategy: Source}", **parts: str) -> str:
    """One entry of `overlays:`; `deploy` and `gather` as given, an empty text leaves one out."""
    given = {"build": build, "deploy": "{image-name: model}", "gather": "{overlay-name: test, name: gather}"} | parts
    return "".join((f"- name: {name}\n", *(f"  {key}: {value}\n" for key, value in given.items() if value)))


def converted(files: Mapping[str, str], aicoe: str = "") -> Converted:
    """The conversion of a repository in memory; by default it has one complete overlay."""
    whole = {".aicoe-ci.yaml": aicoe or f"overlays:\n{overlay()}", **files}
    return convert_aicoe(Memory(whole), ".aicoe-ci.yaml", HERE)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put files into a folder."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def commit(folder: Path, files: Mapping[str, str], message: str = "a change") -> None:
    """Put files into a repository and commit everything in it."""
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)


def git(folder: Path, *words: str) -> None:
    """One git command."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(("git", *identity, *words), cwd=folder, check=True, capture_output=True)


def facts(deployment: DeploymentSpec) -> tuple[object, ...]:
    """What two ways to the same deployment must agree upon."""
    return (
        deployment.name,
        deployment.run,
        deployment.stack,
        deployment.env,
        deployment.health,
        deployment.resources,
        deployment.tests,
    )
