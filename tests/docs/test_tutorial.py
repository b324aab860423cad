"""The tutorials are true: their files are written and their commands run, in order, in an empty folder."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.waiting import wait_until

TUTORIAL = ROOT / "docs" / "tutorial" / "first-trial.md"
PROMOTION = ROOT / "docs" / "tutorial" / "first-promotion.md"
RELEASE = ROOT / "docs" / "tutorial" / "first-release.md"


class Shell:
    """A reader at a terminal: a folder that `cd` changes, and git without anybody's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = {f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._env = {
            **os.environ,
            **names,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "PATH": path,
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one line of a console block."""
        line = f"{command}\nstatus=$?\npwd >&3\nexit $status"
        read, write = os.pipe()
        done = subprocess.run(
            ["bash", "-c", f"exec 3>&{write}\n{line}"],
            cwd=self.folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=(write,),
        )
        os.close(write)
        with os.fdopen(read) as told:
            # The first line, not the end: what a line leaves in the background holds the pipe open.
            self.folder = Path(told.readline().strip() or self.folder)
        return done


def _expected(note: str) -> dict[str, list[str]]:
    """`exit: 1, verdict: fail, passed: accuracy` as lists by key."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"(\w+): ([\w.]+)", note):
        found.setdefault(key, []).append(value)
    return found


def _verdicts(report: Mapping[str, Any]) -> dict[str, str]:
    gates = [c for deployment in report["deployments"] for c in deployment["comparisons"] if c.get("verdict")]
    return {gate["metric"]: gate["verdict"] for gate in gates}


def _check_report(shell: Shell, expected: Mapping[str, list[str]]) -> None:
    """The last trial says what the page says of it."""
    newest = max((shell.folder / ".seatrial" / "runs").iterdir())
    report = json.loads((newest / "report.json").read_bytes())
    verdicts = _verdicts(report)

    assert expected["verdict"] == [report["verdict"]], report["headline"]
    assert ["pass"] * len(expected.get("passed", [])) == [verdicts[name] for name in expected.get("passed", [])]
    assert ["fail"] * len(expected.get("failed", [])) == [verdicts[name] for name in expected.get("failed", [])]


def play(shell: Shell, block: Block) -> dict[str, str]:
    """Do what a block says: write its file or run its commands; what each command prints."""
    if block.title:
        (shell.folder / block.title).write_text(block.text, encoding="utf-8")
        return {}
    expected = _expected(block.note)
    printed = {}
    for command in block.commands:
        done = shell.run(command)
        assert int(expected.get("exit", ["0"])[0]) == done.returncode, f"{command}\n{done.stdout}{done.stderr}"
        printed[command] = done.stdout
        if "verdict" in expected:
            assert f" {expected['verdict'][0].upper()} " in done.stdout
            _check_report(shell, expected)
    return printed


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_tutorial_does_what_it_says(tmp_path: Path) -> None:
    """From an empty folder to a failing and a passing verdict, with the exit codes and metrics that the page names."""
    shell = Shell(tmp_path)
    played = [block for block in blocks(TUTORIAL) if block.note != "not run"]
    for block in played:
        play(shell, block)

    assert 2 == sum("verdict" in block.note for block in played)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_way_to_production_is_as_the_page_says(tmp_path: Path) -> None:
    """From a file over a promotion to a deployment that answers, and a worse model that Production never sees."""
    shell = Shell(tmp_path)
    printed: dict[str, str] = {}
    try:
        for block in [block for block in blocks(PROMOTION) if block.note != "not run"]:
            printed |= play(shell, block)
    finally:
        stop_server(tmp_path / "pumps", "pumps")

    (answer,) = (json.loads(text) for command, text in printed.items() if command.startswith("curl"))
    assert 1 == answer["prediction"]
    assert "pumps         2       2  2        1" in printed["seatrial models list"]
    assert "test_status            fail" in printed["seatrial models show pumps@2"]
    assert "lines hold together" in printed["seatrial ledger verify"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_release_is_as_the_page_says(tmp_path: Path) -> None:
    """Behind a real gateway with users: a version promoted without a failed request, a broken one taken back, a roll-back."""
    shell = Shell(tmp_path)
    printed: list[tuple[str, str]] = []
    try:
        for block in [block for block in blocks(RELEASE) if block.note != "not run"]:
            printed += play(shell, block).items()
            if any(command.startswith("seatrial release rollback") for command in block.commands):
                wait_until(lambda: _outcomes(shell) == ["aborted", "rolled back"], deadline=60)
    finally:
        shell.run("kill $(cat users.pid)")
        stop_server(tmp_path / "cellar", "wine")
        Shell(tmp_path / "cellar").run("seatrial gateway stop")

    good, bad = (text for command, text in printed if command == "cat users.txt")
    explained, accused = (text for command, text in printed if command.startswith("seatrial release explain"))
    assert {"version 1 answered 200", "version 2 answered 200"} == {
        line.partition(":")[0] for line in good.splitlines()
    }
    assert {"version 2 answered 200", "version 3 answered 500"} <= {line.partition(":")[0] for line in bad.splitlines()}
    assert "version 2 answered 500" not in bad
    assert "wine@2: promoted: no metric is worse than its margin" in explained
    assert "wine@3: aborted: the error rate is worse" in accused


def _outcomes(shell: Shell) -> list[str]:
    """How the project's releases have ended, newest first."""
    return [release["outcome"] for release in json.loads(shell.run("seatrial release history --format json").stdout)]


def stop_server(project: Path, deployment: str) -> None:
    """End the server that `seatrial deploy` started, with all that it runs."""
    deployments = Shell(project)
    deployments.run(f"seatrial deployments remove {deployment}")
    lock = project / ".seatrial" / "server.lock"
    if lock.is_file() and (pid := lock.read_text().split()):
        os.kill(int(pid[0]), signal.SIGTERM)


def test_pasted_verdicts_are_those_that_are_checked() -> None:
    """The output that the page shows ends with the verdict that its trial has to have."""
    for block in [*blocks(TUTORIAL, "console"), *blocks(PROMOTION, "console")]:
        for verdict in _expected(block.note).get("verdict", []):
            assert f" {verdict.upper()} " in block.text


def test_every_block_of_the_tutorial_is_played() -> None:
    """A block is a file with a title, a console session, or marked as not run; nothing else slips by."""
    every = [*blocks(TUTORIAL), *blocks(PROMOTION), *blocks(RELEASE)]
    unknown = [b.id for b in every if not b.title and b.language != "console" and b.note != "not run"]

    assert [] == unknown
