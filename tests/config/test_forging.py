"""What `forge` and `bot` mean."""

import pytest

from seatrial.config import read_project
from seatrial.records import BotSpec, ForgeKind, ForgeSpec, Project, UsageError, WatchedRepository


def read(text: str) -> Project:
    """A project of these keys, which needs no deployments where it has a bot."""
    return read_project(text, where="seatrial.yaml", default_name="bots")


BOT = "forge: github\nbot: {secret: '${HOOKS}', repositories: {cellar/wine: {}}}\n"


def test_a_bare_kind_is_a_whole_forge() -> None:
    """GitHub and GitLab are at their public sites unless told otherwise."""
    assert read(BOT).forge == ForgeSpec(kind=ForgeKind.GITHUB, url="https://github.com")
    assert read(BOT.replace("github", "{kind: gitlab}")).forge == ForgeSpec(
        kind=ForgeKind.GITLAB, url="https://gitlab.com"
    )


def test_a_forge_without_a_public_site_needs_its_address() -> None:
    """Gitea runs wherever somebody runs it."""
    with pytest.raises(UsageError, match=r"add forge\.url"):
        read(BOT.replace("github", "gitea"))
    found = read(BOT.replace("forge: github", "forge: {kind: gitea, url: 'https://git.cellar.example/'}")).forge
    assert found is not None
    assert "https://git.cellar.example" == found.url


def test_a_bot_takes_its_defaults() -> None:
    """One deployment at a time, on this machine, the project at the repository's root."""
    expected = BotSpec(repositories=(WatchedRepository(name="cellar/wine"),), secret="${HOOKS}")
    assert expected == read(BOT).bot


def test_a_repository_is_found_whatever_its_case() -> None:
    """Forges tell names as somebody once wrote them."""
    bot = read(BOT).bot
    assert bot is not None
    assert bot.watched("Cellar/Wine") is not None
    assert bot.watched("cellar/beer") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOT.replace("forge: github\n", ""), "the bot has no forge"),
        (BOT.replace("cellar/wine", "wine"), "repositories"),
        (BOT.replace("{cellar/wine: {}}", "{}"), "repositories"),
        (BOT.replace("{}}", "{projects: [../secrets]}}"), "not a folder in the repository"),
        (BOT.replace("{}}", "{projects: [/etc]}}"), "not a folder in the repository"),
        (BOT.replace("secret", "secrets"), "did you mean 'secret'"),
        (BOT.replace("forge: github", "forge: {kind: github, app: 7}"), "one of them is missing"),
        (BOT.replace("forge: github", "forge: {kind: gitlab, app: 7, key: k.pem}"), "has no Apps"),
        (BOT.replace("forge: github", "forge: {kind: github, reports_url: 'https://x'}"), "no reports to link"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_remedy(text: str, said: str) -> None:
    """Each names the key."""
    with pytest.raises(UsageError, match=said):
        read(text)
