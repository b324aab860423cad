"""Whose token it is, so that a comment can be told from a stranger's copy of it.

`/user` tells it of a person's token, and is forbidden to a workflow's and an App's; GraphQL's `viewer` tells those.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seatrial.adapters.forge.github_api import GithubApi
from seatrial.adapters.forge.github_refusals import Aim

_BOT: Final = "[bot]"
_ACTIONS: Final = "github-actions[bot]"
_NOT_TOLD: Final = frozenset({401, 403, 404})
_VIEWER: Final = "query { viewer { login } }"


@dataclass(frozen=True, slots=True)
class _Who:
    """An account; without a name it is some App's."""

    name: str
    bot: bool


class GithubAccount:
    """The account of a token; asked for once. Safe to use from many threads."""

    def __init__(self, api: GithubApi, token: str) -> None:
        self._api = api
        self._token = token
        self._lock = threading.Lock()
        self._who: _Who | None = None

    def wrote(self, user: Mapping[str, Any] | None) -> bool | None:
        """Whether it is this one, as an author; None where GitHub does not tell."""
        if user is None or not self._token:
            return False
        me, bot = self._me(), user.get("type") == "Bot" or str(user["login"]).endswith(_BOT)
        if me.name:
            return me.bot == bot and me.name == _bare(str(user["login"]))
        if not bot:
            return False
        return True if user["login"] == _ACTIONS else None

    def learn(self, user: Mapping[str, Any] | None) -> None:
        """The author of a comment that was just made with the token."""
        if user is not None:
            login = str(user["login"])
            self._who = _Who(_bare(login), login.endswith(_BOT))

    def _me(self) -> _Who:
        with self._lock:
            if self._who is None:
                self._who = self._asked()
            return self._who

    def _asked(self) -> _Who:
        aim = Aim(doing="read whose it is", where="the token", thing="account", permission="metadata", level="read")
        user = self._api.ask("GET", "/user", aim, bear=_NOT_TOLD)
        if isinstance(user.data, dict) and user.data.get("login"):
            return _Who(_bare(str(user.data["login"])), user.data.get("type") == "Bot")
        viewer = self._api.graphql(_VIEWER, aim).get("viewer")
        return _Who(_bare(str(viewer.get("login") or "")) if isinstance(viewer, dict) else "", bot=True)


def _bare(login: str) -> str:
    return login.casefold().removesuffix(_BOT)
