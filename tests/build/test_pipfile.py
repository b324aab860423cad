"""What pipenv wrote becomes requirements that uv installs, hashes and all."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.records import SeatrialError, StackSpec, UsageError
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.declaration import declare
from seatrial.trial.build.pipfile import Pinned, read_pipfile, read_pipfile_lock
from seatrial.trial.build.stack import Stacks

SIX = "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"
LOCK: dict[str, Any] = {
    "_meta": {
        "requires": {"python_version": "3.11"},
        "sources": [{"url": "https://pypi.org/simple"}, {"url": "https://index.example/simple"}],
    },
    "default": {
        "six": {"version": "==1.16.0", "hashes": [SIX], "index": "pypi", "markers": "python_version >= '2.7'"},
        "uvicorn": {"version": "==0.30.0", "extras": ["standard"]},
        "tool": {"git": "https://forge.example/tool.git", "ref": "abc", "subdirectory": "py"},
        "here": {"path": ".", "editable": True},
    },
    "develop": {"pytest": {"version": "==8.0.0"}},
}


def lock(content: object) -> Pinned:
    """What a lock says."""
    return read_pipfile_lock(json.dumps(content).encode(), Path("/project"))


def test_a_lock_is_requirements_with_hashes() -> None:
    """Markers, extras, repositories and folders are kept; the public index and development packages are left out."""
    pinned = lock(LOCK)
    assert (
        "--extra-index-url https://index.example/simple",
        f"six==1.16.0 ; python_version >= '2.7' --hash={SIX}",
        "uvicorn[standard]==0.30.0",
        "tool @ git+https://forge.example/tool.git@abc#subdirectory=py",
        "here @ file:///project",
    ) == pinned.requirements
    assert ("3.11", True) == (pinned.python, pinned.local)


def test_a_pipfile_is_requirements_without_pins() -> None:
    """Where nothing is locked."""
    text = '[packages]\nflask = "*"\nnumpy = ">=1.2"\nsix = {version = "1.16.0", markers = "os_name == \'posix\'"}\n[requires]\npython_version = "3.10"\n'
    pinned = read_pipfile(text.encode(), Path("/project"))
    assert ("flask", "numpy>=1.2", "six==1.16.0 ; os_name == 'posix'") == pinned.requirements
    assert ("3.10", False) == (pinned.python, pinned.local)


@pytest.mark.parametrize(
    ("name", "text"), [("Pipfile.lock", "{"), ("Pipfile", "[packages"), ("Pipfile.lock", "[" * 9999)]
)
def test_a_malformed_file_is_an_error_that_names_it(tmp_path: Path, name: str, text: str) -> None:
    """With what to do about it."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=f"{name} is malformed") as caught:
        declare(tmp_path / name, python=None, salt="")
    assert "lock again" in caught.value.remedy


def test_the_contents_of_a_lock_and_not_its_place_make_the_stack(tmp_path: Path) -> None:
    """Two overlays with the same lock share one environment; the Python is the lock's unless another is asked for."""
    digests = {}
    for name, content in (("a", LOCK), ("b", LOCK), ("c", {**LOCK, "default": {}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Pipfile.lock").write_text(
            json.dumps({**content, "default": dict(list(content["default"].items())[:1])})
        )
        found = declare(tmp_path / name / "Pipfile.lock", python=None, salt="")
        digests[name] = found.digest
        assert "3.11" == found.python
    assert digests["a"] == digests["b"]
    assert digests["a"] != digests["c"]
    assert "3.12" == declare(tmp_path / "a" / "Pipfile.lock", python="3.12", salt="").python


def test_a_lock_is_installed_and_its_hashes_are_checked(tmp_path: Path) -> None:
    """By the real uv, from the real index: six as it is locked, and not with another hash."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    stacks = Stacks(base / "seatrial-tests" / "stacks", Commands(SystemClock()), os.environ)
    six = {"version": "==1.16.0", "hashes": [SIX]}
    (tmp_path / "Pipfile.lock").write_text(json.dumps({"default": {"six": six}}))
    spec = StackSpec(file="Pipfile.lock")

    stack = stacks.provide(spec, tmp_path, salt="", log=tmp_path / "log")

    assert [("six", "1.16.0")] == [(package.name, package.version) for package in stack.packages]
    wrong = {**six, "hashes": [f"sha256:{'0' * 64}"]}
    (tmp_path / "Pipfile.lock").write_text(json.dumps({"default": {"six": wrong}}))
    with pytest.raises(SeatrialError, match=r"[Hh]ash"):
        stacks.provide(spec, tmp_path, salt="", log=tmp_path / "log2")
