"""People with a password to the database: what they edit by SQL is refused, or found once they removed the triggers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from seatrial.adapters.registry.sql import SqlRegistry
from seatrial.adapters.registry.tables import (
    APPEND_ONLY,
    EVIDENCE,
    HEADS,
    LEDGER,
    METADATA,
    MODELS,
    STANDING,
    TAGS,
    VERSIONS,
)
from seatrial.registry.ledger import Flaw, FlawKind, verify
from tests.registry.registering import RULES, by_hand, draft, model_file, promote, registered, sql_registry

LINES = 9


@pytest.fixture
def registry(sql_url: str, tmp_path: Path) -> Iterator[SqlRegistry]:
    """Three versions of wine, one in Staging, one promoted, one that took its place; nine lines."""
    with sql_registry(sql_url, tmp_path) as opened:
        one, two, three = registered(opened, tmp_path, 3)
        opened.register(draft("digits", flavour="onnx", metrics={"f1": 0.5}), model_file(tmp_path))
        opened.move(by_hand(three))
        opened.move(by_hand(two))
        promote(opened, one, expected=())
        promote(opened, two, "run-2", expected=(1,))
        assert LINES == len(opened.ledger())
        yield opened


@pytest.fixture
def sql(sql_url: str, registry: SqlRegistry) -> Iterator[Callable[..., None]]:
    """Runs a statement on the registry's database, as the owner of its tables."""
    assert registry.books()
    engine = sa.create_engine(sql_url.replace("postgresql:", "postgresql+psycopg:"))

    def run(statement: str, **values: Any) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    yield run
    engine.dispose()


@pytest.fixture
def unguarded(sql: Callable[..., None], sql_url: str) -> Callable[..., None]:
    """The same without the triggers, which the owner of the tables can drop."""
    for table in APPEND_ONLY:
        if sql_url.startswith("postgresql"):
            sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        else:
            for event in ("update", "delete", "replace"):
                sql(f"DROP TRIGGER {table.name}_no_{event}")
    return sql


def found(registry: SqlRegistry, **more: Any) -> tuple[Flaw, ...]:
    """What `seatrial ledger verify` finds."""
    return verify(registry.books(), RULES, **more)


@pytest.mark.parametrize("table", APPEND_ONLY, ids=lambda table: table.name)
def test_the_database_refuses_edits(registry: SqlRegistry, sql: Callable[..., None], table: sa.Table) -> None:
    """Lines, evidence and versions are neither updated nor deleted, whoever asks."""
    for statement in (f"UPDATE {table.name} SET model = 'x'", f"DELETE FROM {table.name}"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            sql(statement)
    assert () == found(registry)


def test_sqlite_refuses_to_replace(registry: SqlRegistry, sql: Callable[..., None], sql_url: str) -> None:
    """INSERT OR REPLACE would remove a line without a word to the triggers of DELETE."""
    if sql_url.startswith("postgresql"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            sql("TRUNCATE registry_ledger")
        return
    for table in APPEND_ONLY:
        with pytest.raises(sa.exc.IntegrityError, match="append-only"):
            sql(f"INSERT OR REPLACE INTO {table.name} SELECT * FROM {table.name} LIMIT 1")
    assert () == found(registry)


FORGED = {
    "at": "2020-01-01T00:00:00.000000Z",
    "created": "2020-01-01T00:00:00.000000Z",
    "finished": "2020-01-01T00:00:00.000000Z",
    "metrics": '{"f1": 0.9}',
}


def forged(column: sa.Column[Any]) -> Any:
    """Another value than any that is there."""
    if isinstance(column.type, sa.Boolean):
        return True
    return 77 if isinstance(column.type, sa.Integer) else FORGED.get(column.name, "forged")


def emptied(column: sa.Column[Any]) -> Any:
    """Null where it may be, zero or no text where not."""
    if column.nullable:
        return None
    return 0 if isinstance(column.type, sa.Integer) else ""


@pytest.fixture
def tampered(registry: SqlRegistry, unguarded: Callable[..., None]) -> Callable[..., tuple[Flaw, ...]]:
    """What is found after one value was set by SQL; it is as before afterwards."""

    def tamper(column: sa.Column[Any], key: sa.Column[Any], which: object, value: object) -> tuple[Flaw, ...]:
        change = f"UPDATE {column.table.name} SET {column.name} = :value WHERE {key.name} = :which"
        with registry._engine.connect() as connection:
            before = connection.execute(sa.select(column).where(key == which)).scalar_one()
        unguarded(change, value=value, which=which)
        flaws = found(registry)
        unguarded(change, value=before, which=value if column.name == key.name else which)
        return flaws

    return tamper


@pytest.mark.parametrize("other", [forged, emptied])
def test_any_edited_column_of_a_line_is_found(
    tampered: Callable[..., tuple[Flaw, ...]], other: Callable[[sa.Column[Any]], Any]
) -> None:
    """Every column of the ledger is in the digest, or is it; also a kind or a time that can't be read."""
    for column in LEDGER.c:
        flaws = tampered(column, LEDGER.c.seq, 8, other(column))

        edited = {flaw.seq for flaw in flaws if flaw.kind is FlawKind.EDITED}
        was_empty = other is emptied and column.name == "reason"
        assert was_empty or edited & {8, 77, 0}, column.name


def test_any_edited_column_of_evidence_is_found(tampered: Callable[..., tuple[Flaw, ...]]) -> None:
    """The line that rests on it holds its digest."""
    for column in EVIDENCE.c:
        flaws = tampered(column, EVIDENCE.c.run, "run-1", forged(column))

        assert {FlawKind.UNPROVEN} == {flaw.kind for flaw in flaws}, column.name


def test_any_edited_column_of_a_version_is_found(
    unguarded: Callable[..., None], tampered: Callable[..., tuple[Flaw, ...]]
) -> None:
    """The line of its registration holds the digest of what was registered."""
    unguarded("INSERT INTO registry_models VALUES ('forged', 1, 1, '2026-01-01T00:00:00.000000Z')")
    for column in VERSIONS.c:
        flaws = tampered(column, VERSIONS.c.model, "digits", forged(column))

        assert {FlawKind.VERSION} == {flaw.kind for flaw in flaws}, column.name


def test_an_edited_standing_is_found(tampered: Callable[..., tuple[Flaw, ...]]) -> None:
    """Who holds which stage follows from the ledger; the number of the line is only a short cut."""
    for column in STANDING.c:
        flaws = tampered(column, STANDING.c.model, "digits", forged(column))

        assert column.name == "seq" or {FlawKind.STAGE} == {flaw.kind for flaw in flaws}, column.name


def test_an_edited_head_is_found(tampered: Callable[..., tuple[Flaw, ...]], unguarded: Callable[..., None]) -> None:
    """The ledger ends where its last line is, and nowhere else; there is one head."""
    for column in (HEADS.c.seq, HEADS.c.digest):
        flaws = tampered(column, HEADS.c.id, 1, forged(column))

        assert {FlawKind.HEAD, FlawKind.REMOVED} & {flaw.kind for flaw in flaws}, column.name
    with pytest.raises(sa.exc.IntegrityError):
        unguarded("INSERT INTO registry_head VALUES (2, 0, '')")


def test_any_removed_line_is_found(registry: SqlRegistry, unguarded: Callable[..., None]) -> None:
    """Also the first and the last."""
    unguarded("CREATE TABLE lines AS SELECT * FROM registry_ledger")
    for seq in range(1, LINES + 1):
        unguarded("DELETE FROM registry_ledger WHERE seq = :seq", seq=seq)
        flaws = found(registry)
        unguarded("INSERT INTO registry_ledger SELECT * FROM lines WHERE seq = :seq", seq=seq)

        assert (FlawKind.REMOVED, seq) in {(flaw.kind, flaw.seq) for flaw in flaws}
    assert () == found(registry)


def test_the_removed_end_is_found_whatever_else_was_adjusted(
    registry: SqlRegistry, unguarded: Callable[..., None]
) -> None:
    """Without the head by the head, with the head by the standing, with both only by a head that was noted."""
    noted = registry.books().head.digest
    unguarded("DELETE FROM registry_ledger WHERE seq > 7")
    assert FlawKind.REMOVED in {flaw.kind for flaw in found(registry)}

    unguarded("UPDATE registry_head SET seq = 7, digest = (SELECT digest FROM registry_ledger WHERE seq = 7)")
    assert {FlawKind.STAGE} == {flaw.kind for flaw in found(registry)}

    unguarded("UPDATE registry_standing SET stage = 'Production' WHERE model = 'wine' AND number = 1")
    unguarded("UPDATE registry_standing SET stage = 'Staging' WHERE model = 'wine' AND number = 2")
    assert () == found(registry)
    assert {FlawKind.HEAD} == {flaw.kind for flaw in found(registry, noted=noted)}


def test_an_inserted_line_is_found(registry: SqlRegistry, sql: Callable[..., None]) -> None:
    """No trigger is in the way of it; Production is then set without evidence, and the digest is wrong."""
    sql(
        "INSERT INTO registry_ledger SELECT seq + 1, at, 'moved', model, 3, 'Staging', 'Production', actor_name, "
        "actor_kind, actor_via, reason, run, report, evidence, git_commit, data, stack, artifact, digest, digest "
        "FROM registry_ledger WHERE seq = 9"
    )

    assert {FlawKind.EDITED, FlawKind.HEAD, FlawKind.STAGE, FlawKind.UNPROVEN} == {
        flaw.kind for flaw in found(registry)
    }


def test_two_lines_that_changed_places_are_found(registry: SqlRegistry, unguarded: Callable[..., None]) -> None:
    """Their numbers are in their digests."""
    for old, new in ((5, -1), (6, 5), (-1, 6)):
        unguarded("UPDATE registry_ledger SET seq = :new WHERE seq = :old", old=old, new=new)

    assert {5, 6} <= {flaw.seq for flaw in found(registry) if flaw.kind is FlawKind.EDITED}


def test_a_line_that_cannot_be_read_is_an_error_for_readers(
    registry: SqlRegistry, unguarded: Callable[..., None]
) -> None:
    """They are told which and what to do, in place of a traceback; other models are not affected."""
    unguarded("UPDATE registry_ledger SET kind = 'forged' WHERE seq = 8")

    with pytest.raises(Exception, match=r"line 8 of the ledger can't be read") as caught:
        registry.ledger("wine")

    assert "seatrial ledger verify" in str(caught.value)
    assert 1 == len(registry.ledger("digits"))


def test_sqlite_columns_of_another_type_are_found(
    registry: SqlRegistry, unguarded: Callable[..., None], sql_url: str
) -> None:
    """SQLite takes any value in any column (PostgreSQL doesn't); verification neither trusts that nor fails at it."""
    if sql_url.startswith("postgresql"):
        with pytest.raises(sa.exc.DBAPIError, match="integer"):
            unguarded("UPDATE registry_ledger SET number = 'text'")
        return
    for column in LEDGER.c:
        if column.name != "seq":
            for value in ("x'ff'", "1.5", "'text'"):
                unguarded(f"UPDATE registry_ledger SET {column.name} = {value} WHERE seq = 8")
                assert FlawKind.EDITED in {flaw.kind for flaw in found(registry)}, (column.name, value)
    unguarded("UPDATE registry_standing SET number = 'text', stage = x'00' WHERE number = 3")
    unguarded("UPDATE registry_evidence SET verdict = 7")
    assert FlawKind.STAGE in {flaw.kind for flaw in found(registry)}


def test_a_registry_goes_on_after_its_end_was_removed(
    registry: SqlRegistry, unguarded: Callable[..., None], tmp_path: Path
) -> None:
    """What was done to it stays visible under everything that comes later."""
    unguarded("DELETE FROM registry_ledger WHERE seq = 9")
    registry.register(draft(), model_file(tmp_path, "new"))

    assert (FlawKind.REMOVED, 9) in {(flaw.kind, flaw.seq) for flaw in found(registry)}


def test_a_head_that_was_set_back_stops_the_registry(
    registry: SqlRegistry, unguarded: Callable[..., None], tmp_path: Path
) -> None:
    """It would have to overwrite a line; the error leads to the verification."""
    unguarded("UPDATE registry_head SET seq = 5")
    for attempt in (
        lambda: registry.register(draft(), model_file(tmp_path, "new")),
        lambda: registry.move(by_hand(registry.version("wine", 3), "None")),
    ):
        with pytest.raises(Exception, match=r"contradict each other") as caught:
            attempt()
        assert "seatrial ledger verify" in str(caught.value)
    assert LINES == len(registry.ledger())


def test_a_registry_without_a_head_says_so(
    registry: SqlRegistry, unguarded: Callable[..., None], tmp_path: Path
) -> None:
    """Nothing can be added to a ledger whose end isn't known."""
    unguarded("DELETE FROM registry_head")

    with pytest.raises(Exception, match="no head any more"):
        registry.register(draft(), model_file(tmp_path, "new"))
    assert {FlawKind.HEAD} == {flaw.kind for flaw in found(registry)}


def test_every_table_is_tampered_with_above() -> None:
    """A new table has to be thought of: tags and counts alone may change without a line."""
    assert {LEDGER, EVIDENCE, VERSIONS, STANDING, HEADS, TAGS, MODELS} == set(METADATA.tables.values())
