"""The unit that starts the server at boot says what systemd has to know, and systemd agrees."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.deployments.systemd import UnitFacts, unit_file
from seatrial.records import UsageError

FACTS = UnitFacts(project=Path("/srv/wine"), python=Path("/usr/bin/python3"))


def directives(text: str) -> dict[str, str]:
    """The last value of each."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_a_unit_of_ones_own_systemd_starts_at_login() -> None:
    """Exactly this, and nothing that only root may do."""
    found = directives(unit_file(FACTS))

    assert "/usr/bin/python3 -P -m seatrial server --project /srv/wine" == found["ExecStart"]
    assert ("process", "always", "default.target") == (found["KillMode"], found["Restart"], found["WantedBy"])
    assert ("yes", "server") == (found["Delegate"], found["DelegateSubgroup"])
    assert "User" not in found
    assert "loginctl enable-linger" in unit_file(FACTS)


def test_a_unit_of_the_machines_starts_at_boot() -> None:
    """After the network, as its user."""
    text = unit_file(UnitFacts(project=Path("/srv/wine"), python=Path("/usr/bin/python3"), user="model"))

    found = directives(text)
    assert ("model", "multi-user.target", "network-online.target") == (
        found["User"],
        found["WantedBy"],
        found["After"],
    )
    assert "/etc/systemd/system/seatrial-wine.service" in text


def test_secrets_come_from_a_file_that_need_not_be_there() -> None:
    """The unit itself is for everybody to read."""
    assert "-/srv/wine/.seatrial/server.env" == directives(unit_file(FACTS))["EnvironmentFile"]


def test_variables_that_systemd_does_not_set_are_given() -> None:
    """The cache of environments may be elsewhere."""
    facts = UnitFacts(project=FACTS.project, python=FACTS.python, environment={"XDG_CACHE_HOME": "/data/my cache"})

    assert '"XDG_CACHE_HOME=/data/my cache"' == directives(unit_file(facts))["Environment"]


def test_signs_that_mean_something_to_systemd_are_escaped() -> None:
    """Percent signs, dollars, quotes, backslashes and blanks in paths."""
    facts = UnitFacts(project=Path('/srv/50% off/$HOME "x" \\y'), python=FACTS.python)

    found = directives(unit_file(facts))

    assert found["ExecStart"].endswith('--project "/srv/50%% off/$$HOME \\"x\\" \\\\y"')
    assert '/srv/50%% off/$HOME "x" \\y' == found["WorkingDirectory"]


@pytest.mark.parametrize("path", ["/srv/a\nExecStart=/bin/sh", "relative"])
def test_paths_that_no_unit_can_hold_are_refused(path: str) -> None:
    """A line break would begin another directive."""
    with pytest.raises(UsageError, match="can't stand in a unit file"):
        unit_file(UnitFacts(project=Path(path), python=FACTS.python))


@given(name=st.text(min_size=1, max_size=40))
def test_the_units_name_is_one(name: str) -> None:
    """Whatever the project is called."""
    unit = UnitFacts(project=Path("/srv") / name, python=FACTS.python).name

    assert unit.startswith("seatrial-")
    assert unit.endswith(".service")
    assert unit.isascii()
    assert "/" not in unit


@pytest.mark.parametrize("user", ["", "root"])
def test_systemd_finds_nothing_wrong_with_it(user: str, tmp_path: Path) -> None:
    """Its own check, on a unit for a project that is there."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    project = tmp_path / "my % project"
    project.mkdir(exist_ok=True)
    facts = UnitFacts(project=project, python=Path("/bin/true"), user=user)
    unit = tmp_path / facts.name
    unit.write_text(unit_file(facts))

    option = ["--user"] if not user else []
    done = subprocess.run(
        [analyze, "verify", "--man=no", *option, str(unit)], capture_output=True, text=True, check=False
    )

    told = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
    assert [] == [line for line in told if "DelegateSubgroup" not in line], done.stderr
