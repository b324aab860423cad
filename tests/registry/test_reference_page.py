"""docs/reference/registry.md says what is so: its program verifies, its accounts guard, its tables are the tables."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.registry.sql import SqlRegistry
from seatrial.adapters.registry.tables import APPEND_ONLY, LEDGER, METADATA, SCHEMA
from seatrial.records import EntryKind, LedgerEntry, UsageError
from seatrial.registry.ledger import FlawKind, digest_of, verify
from seatrial.testing import MemoryRegistry
from tests.docs.pages import ROOT, blocks
from tests.registry.registering import (
    ADA,
    GLASS,
    NOON,
    RULES,
    by_hand,
    evidence,
    promote,
    promotion,
    registered,
    sql_registry,
)

PAGE = ROOT / "docs" / "reference" / "registry.md"


def section(heading: str) -> str:
    """What stands under a heading."""
    return re.split(rf"^##+ {heading}\n", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1].split("\n#", 1)[0]


def program() -> str:
    """The page's program."""
    return next(blocks(PAGE, "python")).text


def test_the_program_verifies_what_seatrial_prints(tmp_path: Path) -> None:
    """It comes to the same head, and stops at a line that was edited."""
    registry = MemoryRegistry()
    one, two = registered(registry, tmp_path, 2)
    registry.move(by_hand(two, reason='näin "kävi"\n🍷'))
    promote(registry, one)
    lines = msgspec.json.encode(registry.ledger())
    edited = json.loads(lines)
    edited[2]["reason"] = ""

    def run(text: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-c", program()], input=text, capture_output=True, check=False)

    assert f"4 lines, head {registry.books().head.digest}\n" == run(lines).stdout.decode()
    assert "AssertionError: line 3" in run(json.dumps(edited).encode()).stderr.decode()


@given(text=st.text(st.characters(codec="utf-8"), max_size=30), micros=st.integers(0, 999_999))
def test_the_program_and_seatrial_agree_on_any_text(text: str, micros: int) -> None:
    """Two JSON libraries write the same bytes, whatever is in a reason or a name."""
    entry = LedgerEntry(
        seq=1,
        at=NOON.replace(microsecond=micros),
        kind=EntryKind.MOVED,
        model=text,
        number=1,
        source="None",
        to=text,
        actor=replace(ADA, name=text),
        reason=text,
    )
    line = json.loads(msgspec.json.encode(replace(entry, digest=digest_of(entry))))

    code = program().replace('sys.stdin.read() or "[]"', "given").replace("print(", "str(")
    exec(code, {"given": json.dumps([line])})  # noqa: S102 - our own page


def test_fields_columns_kinds_and_tables_are_documented() -> None:
    """All of them, and no others."""
    rows = re.findall(r"^\| (`.+?) \| (`.+?) \|", section("Ledger"), re.MULTILINE)
    tables = re.findall(r"^\| `(registry_\w+)` \| .* \| (.*) \|$", section("Tables"), re.MULTILINE)

    assert [field.name for field in fields(LedgerEntry)] == re.findall(r"`(\w+)`", " ".join(row[0] for row in rows))
    assert {column.name for column in LEDGER.c} == set(re.findall(r"`(\w+)`", " ".join(row[1] for row in rows)))
    assert {kind.value for kind in EntryKind} <= set(re.findall(r"`([\w ]+)`", section("Ledger")))
    assert [kind.value for kind in FlawKind] == re.findall(r"^\| `(\w+)` \|", section("Verification"), re.MULTILINE)
    assert {*METADATA.tables, SCHEMA.version_table} == {name for name, _ in tables}
    assert {table.name for table in APPEND_ONLY} == {name for name, changes in tables if changes == "append-only"}


Login = Callable[[str], SqlRegistry]


@pytest.fixture
def login(postgres_url: str, tmp_path: Path) -> Iterator[Login]:
    """Opens one registry as members of the page's roles; the owner of the tables has opened it once."""
    owner = sa.make_url(postgres_url)
    roles = ("people", "pipeline")
    with sql_registry(postgres_url, tmp_path):
        pass
    engine = sa.create_engine(owner.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, ExitStack() as stack:
        connection.exec_driver_sql(next(blocks(PAGE, "pgsql")).text)
        for role in roles:
            connection.exec_driver_sql(f"CREATE ROLE one_of_{role} LOGIN IN ROLE {role}")
            connection.exec_driver_sql(f"ALTER ROLE one_of_{role} PASSWORD 'secret'")
        yield lambda role: stack.enter_context(
            sql_registry(
                owner.set(username=f"one_of_{role}", password="secret").render_as_string(hide_password=False),
                tmp_path,
                GLASS,
            )
        )
        stack.close()
        connection.exec_driver_sql("DROP OWNED BY people, pipeline")
        connection.exec_driver_sql("DROP ROLE one_of_people, one_of_pipeline, people, pipeline")
    engine.dispose()


def test_people_register_stage_and_tag(login: Login, tmp_path: Path) -> None:
    """The accounts of the page let them do all that the rules do."""
    people = login("people")
    one, two = registered(people, tmp_path, 2)

    people.move(by_hand(one))
    people.move(by_hand(one, "None"))
    people.tag("wine", 2, {"a": "b"})
    people.tag("wine", 2, {"a": None, "c": "d"})

    assert {"c": "d"} == people.version("wine", 2).tags
    assert 2 == two.number
    assert () == verify(people.books(), RULES)


def test_only_the_pipeline_writes_evidence_and_production(login: Login, tmp_path: Path) -> None:
    """People are refused by the database, whatever the rules in front of it would let them do."""
    people, pipeline = login("people"), login("pipeline")
    one, two = registered(people, tmp_path, 2)
    promote(pipeline, one)
    pipeline.keep(evidence(two, "run-2"))

    for attempt in (
        lambda: people.keep(evidence(two, "run-3")),
        lambda: people.move(promotion(two, "run-2")),
        lambda: people.move(by_hand(two, "Production", break_glass=True, reason="fire")),
        lambda: people.move(by_hand(one, "None", break_glass=True, reason="fire")),
    ):
        with pytest.raises(UsageError, match="does not allow this") as caught:
            attempt()
        assert "use an account that may" in caught.value.remedy
        assert "secret" not in str(caught.value)

    pipeline.move(promotion(two, "run-2", expected=(1,)))
    assert ["wine@2"] == [version.id for version in people.holders("wine", "Production")]
    assert () == verify(people.books(), RULES)


def test_people_do_not_set_production_by_sql(login: Login, tmp_path: Path) -> None:
    """Neither the stage nor the triggers give way to the account that they have."""
    people = login("people")
    registered(people, tmp_path)

    for statement in (
        "UPDATE registry_standing SET stage = 'Production'",
        "ALTER TABLE registry_ledger DISABLE TRIGGER USER",
        "ALTER TABLE registry_standing DISABLE ROW LEVEL SECURITY",
        "DELETE FROM registry_ledger",
    ):
        with people._engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError):
            connection.exec_driver_sql(statement)
    assert () == verify(people.books(), RULES)
