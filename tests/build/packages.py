"""Tiny packages for tests, so that most installations need no index."""

import base64
import hashlib
import zipfile
from pathlib import Path

_BACKEND = """
import os, sys, time, zipfile
from pathlib import Path

GATE = Path({gate!r})

def build_wheel(directory, config_settings=None, metadata_directory=None):
    with (GATE / "builds").open("a") as log:
        log.write(f"{{os.getpid()}}\\n")
    end = time.monotonic() + 30
    while not (GATE / "go").exists():
        if time.monotonic() > end:
            raise SystemExit("nobody opened the gate")
        time.sleep(0.005)
    name = "{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w") as wheel:
        wheel.writestr("{name}.py", "VALUE = 1\\n")
        wheel.writestr("{name}-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        wheel.writestr("{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("{name}-1.0.dist-info/RECORD", "")
    return name
"""


def make_wheel(folder: Path, name: str, version: str = "1.0") -> Path:
    """A wheel with one module that says its version."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(zipfile.ZipInfo(file), text)
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD"), _record(files, info))
    return path


def _record(files: dict[str, str], info: str) -> str:
    def digest(text: str) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

    lines = [f"{file},sha256={digest(text)},{len(text)}" for file, text in files.items()]
    return "\n".join([*lines, f"{info}/RECORD,,", ""])


def make_gated_package(folder: Path, gate: Path, name: str = "gated") -> None:
    """A source package whose build notes its process in `gate/builds` and waits until there is a file `gate/go`."""
    folder.mkdir(parents=True)
    gate.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\n'
    )
    (folder / "backend.py").write_text(_BACKEND.format(gate=str(gate), name=name))


def builds(gate: Path) -> int:
    """How many builds of a gated package have begun."""
    log = gate / "builds"
    return len(log.read_text().splitlines()) if log.exists() else 0
