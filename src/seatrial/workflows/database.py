"""Where the engine keeps which steps are done: SQLite beside the project, or the registry's PostgreSQL.

On SQLite the engine is given a connection pool of ours, because it opens the file with SQLite's own settings, which
wait for the disk two or three times a step.
"""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from seatrial.database import BUSY_SECONDS

SCHEMA = "seatrial_workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDatabase:
    """A place for workflows.

    Attributes:
        url: of SQLAlchemy.
        scope: begins the id of every workflow that belongs to this project on this machine: a PostgreSQL is shared
            with others, whose dead processes can't be told from here.
    """

    url: str
    scope: str

    @property
    def is_shared(self) -> bool:
        """Whether other machines use it too."""
        return not self.url.startswith("sqlite")


def workflow_database(workspace: Path, registry_url: str | None) -> WorkflowDatabase:
    """Where the workflows of a project are kept.

    Args:
        workspace: the project's `.seatrial` folder.
        registry_url: of the registry, complete; None where it is in the workspace.
    """
    if registry_url is not None and registry_url.startswith("postgresql"):
        place = f"{platform.node()}\0{workspace.resolve()}"
        return WorkflowDatabase(url=registry_url, scope=hashlib.sha256(place.encode()).hexdigest()[:12])
    return WorkflowDatabase(url=f"sqlite:///{workspace / 'workflows.db'}", scope="here")


def sqlite_pool(url: str) -> sa.Engine:
    """A connection pool as the engine expects it (every transaction takes the lock at once), but in WAL mode."""
    pool = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(pool, "connect", _tune)
    return pool


def _tune(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection has no type
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")
