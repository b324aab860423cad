"""Whose request it is: the token that goes along with it, and where it comes from.

A token that somebody hands in is the same for ever. That of an App's installation lasts an hour, so that each request asks
for the one that is valid then.
"""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """A token as it was handed out for one request.

    Attributes:
        token: empty for what everybody may see; shown nowhere.
        installation: page of the App's installation that it belongs to; empty where no App is known.
    """

    token: str = field(repr=False)
    installation: str = ""


class Bearers(Protocol):
    """Hands out tokens; safe to use from many threads."""

    def current(self) -> Bearer:
        """One that is valid now. Raises as `GithubApi.ask`."""
        ...

    def take_back(self, bearer: Bearer) -> bool:
        """GitHub does not accept one: whether there is another now.

        Raises PassingError if it was made so recently that GitHub's servers may not all know it yet.
        """
        ...


class OneBearer:
    """A token that was handed in; implements `Bearers`."""

    def __init__(self, token: str) -> None:
        self._bearer = Bearer(token=token)

    def current(self) -> Bearer:
        """Always the same."""
        return self._bearer

    def take_back(self, bearer: Bearer) -> bool:
        """There is no other."""
        del bearer
        return False
