"""Stacks built by the real uv."""

import os
import subprocess
from pathlib import Path

import pytest

from seatrial.adapters.clock import SystemClock
from seatrial.records import Package, StackChange, StackSpec, TemporaryError, UsageError
from seatrial.trial.build.commands import Commands
from seatrial.trial.build.declaration import Declaration, Kind
from seatrial.trial.build.installer import uv_commands
from seatrial.trial.build.stack import Stacks, stack_diff
from tests.build.packages import make_wheel


def wheel_project(project: Path, name: str = "tiny", version: str = "1.0") -> None:
    """A project that requires one local wheel."""
    wheel = make_wheel(project / "wheels", name, version)
    (project / "requirements.txt").write_text(f"./wheels/{wheel.name}\n")


def test_requirements_become_an_environment(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """What requirements.txt names can be imported by the stack's own Python, and is listed and measured."""
    wheel_project(project)
    stack = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    said = subprocess.run(
        [stack.python, "-c", "import tiny; print(tiny.VERSION)"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "1.0\n"
    assert stack.packages == (Package(name="tiny", version="1.0"),)
    assert stack.declared == "requirements.txt"
    assert not stack.cached
    assert stack.bytes is not None
    assert stack.bytes > 100


def test_a_stack_from_the_index_is_installed(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """Packages are fetched from the package index that the user has set up."""
    (project / "requirements.txt").write_text("six==1.16.0\niniconfig\n")
    stack = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    assert stack.has("Six")
    assert stack.has("iniconfig")


def test_the_same_requirements_elsewhere_share_the_environment(stacks: Stacks, tmp_path: Path) -> None:
    """The second checkout with equal contents gets the first one's environment."""
    found = []
    for name in ("baseline", "candidate"):
        (tmp_path / name).mkdir()
        wheel_project(tmp_path / name)
        found.append(stacks.provide(StackSpec(), tmp_path / name, salt=name, log=tmp_path / "log"))
    assert found[0].python == found[1].python
    assert [False, True] == [stack.cached for stack in found]
    assert found[0].packages == found[1].packages
    assert found[0].bytes == found[1].bytes


def test_different_requirements_get_different_environments(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """A new version of a package changes the stack and leaves the old one as it was."""
    wheel_project(project)
    before = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    wheel_project(project, version="2.0")
    after = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    assert stack_diff(before.packages, after.packages) == StackChange(
        changed=((Package(name="tiny", version="1.0"), Package(name="tiny", version="2.0")),)
    )
    assert before.python != after.python


@pytest.mark.parametrize("file", ["pyproject.toml", "uv.lock", "pylock.toml"])
def test_every_form_of_declaration_is_installed(stacks: Stacks, project: Path, tmp_path: Path, file: str) -> None:
    """pyproject.toml, uv.lock and pylock.toml give what they declare, without the project itself."""
    (project / "pyproject.toml").write_text(
        '[project]\nname = "model"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["iniconfig==2.0.0"]\n'
    )
    if file != "pyproject.toml":
        uv(project, "lock")
    if file == "pylock.toml":
        uv(project, "export", "--format", "pylock.toml", "-o", "pylock.toml")
    stack = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    assert stack.declared == file
    assert stack.packages == (Package(name="iniconfig", version="2.0.0"),)


def uv(folder: Path, *arguments: str) -> None:
    """Run uv in a folder."""
    from uv import find_uv_bin

    subprocess.run([find_uv_bin(), *arguments, "--quiet"], cwd=folder, check=True, capture_output=True)


def test_a_folder_of_the_project_is_installed_without_a_link_to_the_checkout(
    stacks: Stacks, project: Path, tmp_path: Path
) -> None:
    """`-e ./package` is copied in: the checkout goes away after the trial, the cached environment stays."""
    package = project / "package"
    make_source_package(package)
    (project / "requirements.txt").write_text("-e ./package\n")
    stack = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    said = subprocess.run(
        [stack.python, "-c", "import gated; print(gated.__file__)"], capture_output=True, text=True, check=True
    )
    assert Path(said.stdout.strip()).is_relative_to(stack.bin.parent)


def make_source_package(folder: Path) -> None:
    """A source package that builds at once."""
    from tests.build.packages import make_gated_package

    gate = folder.parent / "gate"
    make_gated_package(folder, gate)
    (gate / "go").touch()


def test_without_a_solution_the_message_is_the_resolvers(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """Requirements that contradict each other are the user's to mend, and uv's reasons are in the message."""
    (project / "requirements.txt").write_text("six==1.15.0\nsix==1.16.0\n")
    with pytest.raises(UsageError, match=r"six==1\.15\.0") as caught:
        stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log", where="forest@candidate")
    assert caught.value.where == "forest@candidate"
    assert caught.value.remedy


def test_a_failure_is_not_tried_again_within_a_trial(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """The second cell with the same broken stack gets the same message without another build."""
    (project / "requirements.txt").write_text("six==1.15.0\nsix==1.16.0\n")
    said = []
    for cell in ("baseline", "candidate"):
        with pytest.raises(UsageError) as caught:
            stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / cell, where=cell)
        said.append(caught.value)
    assert said[0].what == said[1].what
    assert said[1].where == "candidate"
    assert not (tmp_path / "candidate").exists()


def test_passwords_of_an_index_stay_secret(commands: Commands, project: Path, tmp_path: Path) -> None:
    """Neither the message nor the log shows the login of an index, whether in the file or from the environment."""
    log = tmp_path / "log"
    environ = {**os.environ, "UV_HTTP_RETRIES": "0", "UV_INDEX_PRIVATE_PASSWORD": "open-sesame"}
    stacks = Stacks(tmp_path / "stacks", commands, environ)
    (project / "requirements.txt").write_text("--index-url https://me:hunter22@127.0.0.1:9/simple\nsix\n")
    with pytest.raises(TemporaryError) as caught:
        stacks.provide(StackSpec(), project, salt="tree", log=log)
    assert "127.0.0.1:9" in str(caught.value)
    assert "hunter22" not in str(caught.value) + log.read_text()
    assert "open-sesame" not in str(caught.value) + log.read_text()


def test_without_a_declaration_the_host_environment_is_taken(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """A project that declares nothing runs where seatrial runs; so does `stack: host`, whatever is declared."""
    detected = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    wheel_project(project)
    asked_for = stacks.provide(StackSpec(host=True), project, salt="tree", log=tmp_path / "log")
    assert detected == asked_for
    assert detected.host
    assert detected.has("pytest")
    assert detected.bytes is None


def test_a_cached_stack_costs_no_installation(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """Size and packages of a cached stack come from its marker; uv is not started."""
    wheel_project(project)
    first = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    again = Stacks(tmp_path / "stacks", Commands(SystemClock()), {}).provide(
        StackSpec(), project, salt="other", log=tmp_path / "second-log"
    )
    assert again.cached
    assert (first.bytes, first.packages) == (again.bytes, again.packages)
    assert not (tmp_path / "second-log").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(stacks: Stacks, project: Path, tmp_path: Path) -> None:
    """After an upgrade of the system's Python a cached environment may be broken; it is rebuilt."""
    wheel_project(project)
    stack = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    stack.python.unlink()
    stack.python.symlink_to("/nonexistent/python3")
    again = stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
    assert not again.cached
    assert again.python.exists()


def test_uv_is_called_as_planned() -> None:
    """The command lines for a lock: exactly what is locked, for production, nothing linked to the checkout."""
    wanted = Declaration(
        kind=Kind.UV_LOCK, file=Path("/p/uv.lock"), python="3.12", extra=("behave",), local=False, digest="sha256:0"
    )
    create, sync, more = uv_commands(wanted, Path("/cache/env"), uv="uv")
    quiet = ("--no-progress", "--color", "never")
    python = "/cache/env/bin/python"
    assert create == ("uv", "venv", *quiet, "--python-preference", "system", "--python", "3.12", "/cache/env")
    assert sync == (
        *("uv", "sync", *quiet, "--frozen", "--no-install-project", "--no-dev", "--no-editable"),
        *("--compile-bytecode", "--python", python),
    )
    assert more == ("uv", "pip", "install", *quiet, "--python", python, "--compile-bytecode", "behave")


def test_a_difference_names_what_was_added_removed_and_changed() -> None:
    """Names compare as the index compares them: `Ruamel_YAML` is `ruamel.yaml`."""
    before = (
        Package(name="six", version="1"),
        Package(name="Ruamel_YAML", version="1"),
        Package(name="a", version="1"),
    )
    after = (
        Package(name="attrs", version="2"),
        Package(name="ruamel.yaml", version="2"),
        Package(name="a", version="1"),
    )
    assert stack_diff(before, after) == StackChange(
        added=(Package(name="attrs", version="2"),),
        removed=(Package(name="six", version="1"),),
        changed=((Package(name="Ruamel_YAML", version="1"), Package(name="ruamel.yaml", version="2")),),
    )


def test_the_caller_may_stop_a_build(stacks: Stacks, commands: Commands, project: Path, tmp_path: Path) -> None:
    """After Ctrl-C no further stack is built, and the message says why."""
    wheel_project(project)
    commands.stop()
    with pytest.raises(TemporaryError, match="interrupted"):
        stacks.provide(StackSpec(), project, salt="tree", log=tmp_path / "log")
