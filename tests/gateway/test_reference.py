"""`docs/reference/gateway.md` names every command, option, header and metric of the gateway, and nothing else; its figures are ours."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import typer.main

from seatrial.cli.main import app
from seatrial.gateway.endpoints import canary_of
from seatrial.gateway.keep import MEND_SECONDS
from seatrial.gateway.metrics import EDGES, Exposition, Meters
from seatrial.gateway.routes import DRAIN_SECONDS
from seatrial.gateway.setup import Setup
from seatrial.gateway.sight import SILENT_SECONDS
from seatrial.gateway.tools import metrics_port
from seatrial.records import InForce, PlatformPoint, ProxyStatus
from seatrial.records.traffic import ARM_HEADER, REQUEST_ID_HEADER, VERSION_HEADER
from tests.docs.pages import ROOT
from tests.gateway.test_metrics import LINE, Said
from tests.gateway.worlds import WINE

PAGE = (ROOT / "docs" / "reference" / "gateway.md").read_text(encoding="utf-8")
_GROUP: Any = typer.main.get_command(app)
_COMMANDS = {"gateway": _GROUP.commands["gateway"]} | {
    f"gateway {name}": command for name, command in _GROUP.commands["gateway"].commands.items()
}


def section(heading: str) -> str:
    """What the page says under a heading."""
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_command_is_documented_and_nothing_else() -> None:
    """One heading a command."""
    assert sorted(_COMMANDS) == sorted(re.findall(r"^## `seatrial ([\w ]+)`$", PAGE, re.MULTILINE))


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_all_commands_have_the_common_options_only(command: str) -> None:
    """Those of the first table."""
    options = {name for parameter in _COMMANDS[command].params for name in parameter.opts if name.startswith("-")}
    documented = set(re.findall(r"^\| `(--[a-z-]+)` \|", PAGE, re.MULTILINE))

    assert documented == options - {"--help", "-h"}


def test_every_header_is_documented_and_nothing_else() -> None:
    """Of requests and answers."""
    headers = set(re.findall(r"^\| `([a-z-]+)` \|", section("Headers"), re.MULTILINE))

    assert {ARM_HEADER, VERSION_HEADER, REQUEST_ID_HEADER} == headers


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    """As it is told once there is something to tell."""
    meters = Meters()
    meters.observe(LINE)
    point = PlatformPoint(
        at=datetime(2026, 1, 1, tzinfo=UTC),
        service="wine",
        version="3",
        replica="wine.0",
        cpu_seconds=1.0,
        memory=1,
        restarts=0,
        cores=1.0,
    )
    said = Said(
        status=ProxyStatus(running=True, address="", kind="envoy"),
        services=[InForce(service="wine", weight=0, mirror=0)],
        releases={"wine": "stepping"},
        points=[point],
    )
    told = {
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            ", ".join(f"`{name}`" for name in family.samples[0].labels if name != "le"),
        )
        for family in Exposition(meters, said).collect()
    }
    rows = re.findall(r"^\| `(seatrial_\w+)` \| (\w+) \| ([^|]+) \|", section("Metrics"), re.MULTILINE)

    assert told == {(name, kind, labels.strip()) for name, kind, labels in rows}


def test_the_figures_on_the_page_are_the_programs() -> None:
    """Waits, buckets, names."""
    replicas = " ".join(section("Which replicas take requests").split())

    assert f"not answered its health path for {SILENT_SECONDS:g} seconds" in replicas
    assert f"for at most {DRAIN_SECONDS:g} s, and gets SIGTERM" in replicas
    assert f"`{canary_of('SERVICE')}`" in replicas
    assert f"set right within {MEND_SECONDS:g} s" in section("When something dies")
    assert f"{len(EDGES)} buckets from {1000 * EDGES[0]:g} ms to {EDGES[-1]:g} s" in section("Metrics")
    setup = Setup(services=(WINE,))
    assert setup.gateway.port + 1 == metrics_port(setup)
