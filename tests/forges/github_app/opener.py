"""The fake GitHub as a scene of the contract, spoken to as an App, which gets its tokens itself."""

from contextlib import AbstractContextManager

from tests.forges.github.opener import AS_APP, FEATURES, GithubScene
from tests.forges.github.opener import opened as opened_as

__all__ = ["FEATURES", "opened"]


def opened() -> AbstractContextManager[GithubScene]:
    """A fresh GitHub with one repository and an App."""
    return opened_as(AS_APP)
