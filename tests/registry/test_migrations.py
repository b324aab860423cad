"""The registry's tables are made, found and left alone as they should be, also beside others in one database."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from seatrial.adapters.registry.sql_ledger import open_ledger_database
from seatrial.adapters.registry.tables import METADATA, SCHEMA
from seatrial.database import open_database
from seatrial.journal import SCHEMA as JOURNAL
from seatrial.records import PermanentError, UsageError
from tests.registry.registering import registered, sql_registry


def _names(engine: sa.Engine) -> set[str]:
    return set(sa.inspect(engine).get_table_names())


def _ours_alone(_object: Any, name: str | None, kind: str, _reflected: Any, _compared: Any) -> bool:
    return kind != "table" or name != SCHEMA.version_table


def test_the_migrations_make_the_tables_that_the_code_uses(sql_url: str) -> None:
    """A column, index or key that is only in the code, or only in the migrations, is found here."""
    engine = open_ledger_database(sql_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": _ours_alone}
        context = MigrationContext.configure(connection, opts=options)

        assert [] == compare_metadata(context, METADATA)
    assert {*METADATA.tables, SCHEMA.version_table} == _names(engine)
    engine.dispose()


def test_opening_again_changes_nothing(sql_url: str, tmp_path: Path) -> None:
    """What was registered is there the next time."""
    with sql_registry(sql_url, tmp_path) as registry:
        before = registered(registry, tmp_path, 2)
    with sql_registry(sql_url, tmp_path) as registry:
        assert before[::-1] == list(registry.versions("wine"))


def test_several_schemas_share_one_database(sql_url: str, tmp_path: Path) -> None:
    """Each has a history of its own, whoever is first."""
    open_database(sql_url, JOURNAL).dispose()
    with sql_registry(sql_url, tmp_path) as registry:
        registered(registry, tmp_path)
    engine = open_database(sql_url, JOURNAL)

    assert {*METADATA.tables, *JOURNAL.metadata.tables, "registry_alembic", "alembic_version"} == _names(engine)
    engine.dispose()


def test_a_registry_of_a_newer_seatrial_is_left_alone(sql_url: str) -> None:
    """It is refused with a remedy instead of being written to."""
    engine = open_ledger_database(sql_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE registry_alembic SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(UsageError, match="registry was written by a newer seatrial") as caught:
        open_ledger_database(sql_url)
    assert "upgrade" in caught.value.remedy


def test_the_way_back_removes_everything(sql_url: str) -> None:
    """Tables, indexes, triggers and functions; afterwards the way forth works again."""
    engine = open_ledger_database(sql_url)
    config = Config()
    config.set_main_option("script_location", SCHEMA.migrations)
    config.attributes["schema"] = SCHEMA
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    assert {SCHEMA.version_table} == _names(engine)
    engine.dispose()
    open_ledger_database(sql_url).dispose()


def test_a_database_that_does_not_answer_is_an_error_without_its_password() -> None:
    """The message says where, and nothing secret."""
    with pytest.raises(PermanentError, match="the registry's database does not answer") as caught:
        open_ledger_database("postgresql://ada:secret@127.0.0.1:1/none?connect_timeout=1")

    assert "ada:***@127.0.0.1" in caught.value.where
    assert "secret" not in str(caught.value)
