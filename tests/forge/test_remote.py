"""Addresses of repositories, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.forge.remote import Remote, forge_of, kind_of, parse_remote
from seatrial.records import ForgeKind, ForgeSpec


@pytest.mark.parametrize(
    ("address", "site", "repository"),
    [
        ("https://github.com/cellar/wine.git", "https://github.com", "cellar/wine"),
        ("https://GitHub.com/cellar/wine/", "https://github.com", "cellar/wine"),
        ("https://token:secret@gitlab.com/cellar/red/wine.git", "https://gitlab.com", "cellar/red/wine"),
        ("git@github.com:cellar/wine.git", "https://github.com", "cellar/wine"),
        ("ssh://git@git.cellar.example:2222/cellar/wine.git", "https://git.cellar.example", "cellar/wine"),
        ("http://127.0.0.1:3000/cellar/wine.git", "http://127.0.0.1:3000", "cellar/wine"),
        ("http://[::1]:3000/cellar/wine.git", "http://[::1]:3000", "cellar/wine"),
    ],
)
def test_an_address_tells_the_site_and_the_repository(address: str, site: str, repository: str) -> None:
    """Without password, case of the host, `.git` and what only SSH needs."""
    assert Remote(site=site, repository=repository) == parse_remote(address)


@pytest.mark.parametrize("address", ["", "/srv/git/wine", "../wine", "https://github.com", "https://[", "ftp://a/b/c"])
def test_what_names_no_repository_on_a_site_is_none(address: str) -> None:
    """A folder is a good remote for git, but no forge."""
    assert parse_remote(address) is None


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("github.com", ForgeKind.GITHUB),
        ("github.cellar.example", ForgeKind.GITHUB),
        ("gitlab.com", ForgeKind.GITLAB),
        ("codeberg.org", ForgeKind.GITEA),
        ("forgejo.cellar.example", ForgeKind.GITEA),
        ("git.cellar.example", None),
    ],
)
def test_a_hosts_name_tells_whose_api_it_speaks(host: str, kind: ForgeKind | None) -> None:
    """As far as it does: nothing is guessed for other names."""
    assert kind == kind_of(host)


def test_a_forge_is_made_from_an_address() -> None:
    """The repository with it."""
    expected = ForgeSpec(kind=ForgeKind.GITLAB, url="https://gitlab.com", repository="cellar/wine")
    assert expected == forge_of("git@gitlab.com:cellar/wine.git")
    assert forge_of("https://git.cellar.example/cellar/wine") is None


@given(st.text(max_size=60))
def test_any_text_is_taken_apart_or_is_none(text: str) -> None:
    """A remote is whatever somebody typed: it never ends in an error."""
    found = parse_remote(text)
    assert found is None or "/" in found.repository
