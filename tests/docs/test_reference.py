"""The reference pages agree with the code that they describe."""

import dataclasses
import re
from pathlib import Path

import duckdb
import pytest

from seatrial.cli.main import BROKEN, INTERRUPTED, USAGE
from seatrial.records import BlockSamples, DeploymentReport, Report, Sample, Verdict
from seatrial.trial.build.environment import PASSED_ON, PASSED_ON_PREFIXES
from seatrial.trial.samples import BlockLog, write_parquet
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"


def _text(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _section(name: str, heading: str) -> str:
    return _text(name).split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_exit_codes_are_those_of_the_program() -> None:
    """Each verdict stands beside its code, and usage and interruption have theirs."""
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", _text("exit-codes.md"), re.MULTILINE)
    expected = {verdict.value: verdict.exit_code for verdict in Verdict} | {"usage": USAGE, "interrupted": INTERRUPTED}

    assert expected == {name: int(code) for code, name in rows}
    assert BROKEN == Verdict.ERROR.exit_code


def test_columns_of_the_samples_are_documented(tmp_path: Path) -> None:
    """The table names the columns of `samples.parquet` in any order, and no others."""
    log = BlockLog(tmp_path / "blocks.jsonl")
    log.append(BlockSamples(cell="m@baseline", block=0, samples=(Sample(0, 0, 0.0, 0.0, 0.1),), seconds=0.1))
    log.close()
    write_parquet(tmp_path / "blocks.jsonl", tmp_path / "samples.parquet")
    described = duckdb.execute(f"DESCRIBE SELECT * FROM '{tmp_path / 'samples.parquet'}'").fetchall()

    assert {row[0] for row in described} == set(
        re.findall(r"^\| `(\w+)` \|", _section("files.md", "`samples.parquet`"), re.MULTILINE)
    )


@pytest.mark.parametrize("record", [Report, DeploymentReport])
def test_fields_of_the_report_are_documented(record: type) -> None:
    """Every field of the record is named on the page."""
    named = set(re.findall(r"`(\w+)(?:\[\])?`", _text("report.md")))

    assert set() == {field.name for field in dataclasses.fields(record)} - named


def test_variables_that_are_passed_on_are_documented() -> None:
    """The list of what cells get from the caller's environment is whole, and names nothing else."""
    section = _section("environment.md", "What is passed on").split("Everything else stays out", 1)[0]
    named = set(re.findall(r"`([A-Z_]+\*?)`", section))
    expected = {name for name in PASSED_ON if name.isupper()} | {f"{prefix}*" for prefix in PASSED_ON_PREFIXES}

    assert expected == named
    assert {name.upper() for name in PASSED_ON} <= expected


def test_error_kinds_are_documented() -> None:
    """The how-to on requests names every kind of error that a sample may have."""
    kinds = set(re.findall(r"`(\w+)`", str(Sample.__doc__).split("kind of error (", 1)[1].split(")", 1)[0]))

    assert set() == {kind for kind in kinds if f"`{kind}`" not in (ROOT / "docs/how-to/requests.md").read_text("utf-8")}
