"""Tokens of an App's installation, made when they are needed and renewed before they end.

A token lasts an hour, the bot for months. Each renewal asks anew where the App is installed, so that a repository that
moved to another owner, or whose App was installed again, is served again by itself.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from seatrial.adapters.forge.github_app import GithubApp
from seatrial.adapters.forge.github_bearer import Bearer
from seatrial.adapters.forge.github_patience import PassingError
from seatrial.ports import Clock
from seatrial.records import TemporaryError

_MARGIN: Final = timedelta(minutes=5)  # git may fetch for a while
_AGAIN: Final = timedelta(minutes=1)
_YOUNG: Final = timedelta(minutes=1)  # GitHub's servers tell each other of a token within seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A token, when it was made, when the next one is to be made, and its end; by this machine's clock."""

    bearer: Bearer
    made: datetime
    renew: datetime
    end: datetime


class RenewedBearers:
    """Tokens for one repository; implements `Bearers`. While one thread renews, the others wait for what it gets."""

    def __init__(self, app: GithubApp, repository: str, clock: Clock) -> None:
        self._app = app
        self._repository = repository
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Held | None = None

    def current(self) -> Bearer:
        """One that is valid for minutes yet. Raises as `GithubApp.grant`."""
        with self._lock:
            if self._held is None or self._clock.now() >= self._held.renew:
                self._held = self._renewed(self._held)
            return self._held.bearer

    def take_back(self, bearer: Bearer) -> bool:
        """The next one is new. Raises PassingError for one that was just made: a newer one would fare no better."""
        with self._lock:
            held = self._held
            if held is None or held.bearer is not bearer:
                return True
            if self._clock.now() - held.made < _YOUNG:
                raise PassingError("it does not accept the token that it has just given the App")
            self._held = None
            return True

    def _renewed(self, held: _Held | None) -> _Held:
        try:
            return self._made()
        except TemporaryError:
            now = self._clock.now()
            if held is None or now >= held.end:
                raise
            return replace(held, renew=min(now + _AGAIN, held.end))

    def _made(self) -> _Held:
        grant = self._app.grant(self._repository)
        now = self._clock.now()
        end = now + grant.lasts
        return _Held(bearer=grant.bearer, made=now, renew=end - _MARGIN, end=end)
