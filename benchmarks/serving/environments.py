"""An environment for each server, so that no peer's pins bend another's, and what each weighs.

They stand below the user's cache, named by a digest of what is in them, so that the second run installs nothing.
"""

import hashlib
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.server import Needs, peer_files, read_header
from seatrial.trial.build.installer import find_uv
from seatrial.wiring import cache_folder

PYTHON = "3.11"
REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = Path(__file__).with_name("models.py")
_NOT_COUNTED = {"pip", "setuptools", "wheel"}


class UnusableError(Exception):
    """A server that can't be installed, started or asked: a row of the table with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a server is installed.

    Attributes:
        folder: of the environment.
        size: bytes of its packages, as `du --apparent-size` has it, bytecode left out.
        packages: how many distributions.
    """

    folder: Path
    size: int
    packages: int

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What was trained in an environment: a folder of model files, rows, and each model's own predictions for them."""

    folder: Path
    stack: dict[str, str]
    rows: list[list[float]]
    predictions: dict[str, list[float]]

    def file(self, name: str) -> Path:
        """The file of a model."""
        return self.folder / f"{name}.joblib"


def install(needs: Needs) -> Environment:
    """The environment with everything in it. Raises UnusableError with the end of the installer's words."""
    content = "\n".join((PYTHON, *needs.requirements, *needs.constraints))
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    folder = cache_folder() / "bench" / f"{needs.name}-{digest}"
    if not (folder / "complete").exists():
        _make(folder, needs)
    if needs.checkout:
        uv("pip", "install", "--python", folder, "--no-deps", "--reinstall-package", "seatrial", REPOSITORY)
    size, packages = _weigh(folder)
    return Environment(folder=folder, size=size, packages=packages)


def _make(folder: Path, needs: Needs) -> None:
    uv("venv", "--clear", "--python", PYTHON, folder)
    requirements, constraints = folder / "requirements.txt", folder / "constraints.txt"
    requirements.write_text("\n".join(needs.requirements) + "\n")
    constraints.write_text("\n".join(needs.constraints) + "\n")
    uv("pip", "install", "--python", folder, "--requirements", requirements, "--constraints", constraints)
    (folder / "complete").touch()


def train(environment: Environment) -> Models:
    """The models as the environment's scikit-learn trains them; trained once. Raises UnusableError."""
    folder = environment.folder / f"models-{hashlib.sha256(MODELS.read_bytes()).hexdigest()[:12]}"
    expected = folder / "expected.json"
    if not expected.exists():
        said([environment.python, MODELS, folder])
    facts: dict[str, Any] = json.loads(expected.read_text())
    return Models(folder=folder, **facts)


def uv(*arguments: object) -> str:
    """What uv prints. Raises UnusableError."""
    return said([find_uv(), *arguments])


def said(command: Sequence[object], **options: Any) -> str:  # noqa: ANN401 - those of subprocess.run
    """What a command prints. Raises UnusableError with the end of its words."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    if done.returncode:
        raise UnusableError(last_words(done.stderr or done.stdout))
    return done.stdout


def last_words(text: str, length: int = 300) -> str:
    """The end of what a program said, on one line."""
    words = " ".join(text.split())
    return words if len(words) <= length else "… " + words[-length:]


def lock() -> None:
    """Write all pins of each peer beside its file."""
    for path in peer_files():
        listed = "\n".join(read_header(path)["dependencies"])
        options = ["--quiet", "--no-header", "--no-annotate", "--python-version", PYTHON]
        pins = said([find_uv(), "pip", "compile", *options, "-"], input=listed)
        path.with_suffix(".txt").write_text(pins)
        print(f"{path.stem}: {len(pins.splitlines())} packages")


def _weigh(folder: Path) -> tuple[int, int]:
    """Bytes and number of the packages."""
    (packages,) = folder.glob("lib/python*/site-packages")
    size = sum(path.lstat().st_size for path in packages.rglob("*") if path.suffix != ".pyc" and not path.is_dir())
    names = {path.name.split("-")[0].lower() for path in packages.glob("*.dist-info")}
    return size, len(names - _NOT_COUNTED)
