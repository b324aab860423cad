"""The environment of a trial that the bot starts: the server's, without what is the bot's own.

Whoever may push to the repository is trusted with what the server's environment holds for trials (credentials of a data
store, say), and not with the forge's token or key, the webhooks' secret, the pages' password and the databases: with
those one would be the bot.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from seatrial.forge.choose import TOKENS
from seatrial.records import Project

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_ALWAYS: Final = frozenset({"PGPASSWORD", "PGPASSFILE", "PGSERVICE", "DATABASE_URL", "DBOS_SYSTEM_DATABASE_URL"})
_DATABASE: Final = re.compile(r"(postgres(ql)?|mysql|mariadb|mssql|oracle)(\+\w+)?://", re.IGNORECASE)
_SHORTEST: Final = 6


def without_secrets(environ: Mapping[str, str], project: Project) -> dict[str, str]:
    """What a trial gets of the server's environment.

    Args:
        environ: the server's.
        project: the bot's configuration; what its `forge`, `bot`, `registry` and `notify` refer to is the bot's own.
    """
    own = {name for text in _written(project) for name in _REFERENCE.findall(text)} | _ALWAYS
    own |= {name for names in TOKENS.values() for name in names}
    secrets = {environ[name] for name in own if len(environ.get(name, "")) >= _SHORTEST}
    return {
        name: value
        for name, value in environ.items()
        if name not in own and not _DATABASE.match(value) and not any(secret in value for secret in secrets)
    }


def _written(project: Project) -> Iterable[str]:
    if project.forge is not None:
        yield from (project.forge.token, project.forge.key)
    if project.bot is not None:
        yield from (project.bot.secret, project.bot.token)
    yield from (each.url for each in project.notify)
    yield project.registry.url or ""
    yield project.registry.ledger or ""
