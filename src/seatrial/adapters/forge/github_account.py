"""Which account comments are made with, so that one's own can be told from a stranger's copy of it.

`/user` tells it of a person's token, and is forbidden to a workflow's and an App's; GraphQL's `viewer` tells those.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from seatrial.adapters.forge.github_api import GithubApi
from seatrial.adapters.forge.github_refusals import Aim

_BOT: Final = "[bot]"
_ACTIONS: Final = "github-actions[bot]"
_NOT_TOLD: Final = frozenset({401, 403, 404})
_VIEWER: Final = "query { viewer { login } }"


@dataclass(frozen=True, slots=True)
class Who:
    """An account; without a name it is some App's."""

    name: str
    bot: bool


class GithubAccount:
    """An account; asked for once. Safe to use from many threads.

    Args:
        ask: tells which it is; None where there is no token.
    """

    def __init__(self, ask: Callable[[], Who] | None) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._who: Who | None = None

    def wrote(self, user: Mapping[str, Any] | None) -> bool | None:
        """Whether it is this one, as an author; None where GitHub does not tell."""
        if user is None or self._ask is None:
            return False
        me, bot = self._me(self._ask), user.get("type") == "Bot" or str(user["login"]).endswith(_BOT)
        if me.name:
            return me.bot == bot and me.name == bare(str(user["login"]))
        if not bot:
            return False
        return True if user["login"] == _ACTIONS else None

    def learn(self, user: Mapping[str, Any] | None) -> None:
        """The author of a comment that was just made with the token."""
        if user is not None:
            login = str(user["login"])
            self._who = Who(bare(login), login.endswith(_BOT))

    def _me(self, ask: Callable[[], Who]) -> Who:
        with self._lock:
            if self._who is None:
                self._who = ask()
            return self._who


def who_has(api: GithubApi) -> Who:
    """Whose token it is that asks. Raises as `GithubApi.ask`."""
    aim = Aim(doing="read whose it is", where="the token", thing="account", permission="metadata", level="read")
    user = api.ask("GET", "/user", aim, bear=_NOT_TOLD)
    if isinstance(user.data, dict) and user.data.get("login"):
        return Who(bare(str(user.data["login"])), user.data.get("type") == "Bot")
    viewer = api.graphql(_VIEWER, aim).get("viewer")
    return Who(bare(str(viewer.get("login") or "")) if isinstance(viewer, dict) else "", bot=True)


def bare(login: str) -> str:
    """An account's name for comparing, without what marks it as an App's."""
    return login.casefold().removesuffix(_BOT)
