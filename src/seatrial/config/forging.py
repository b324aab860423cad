"""The parts of the file that are about pull requests: the forge that they are on, and the bot that tries them."""

from seatrial.config.invalid import InvalidError
from seatrial.config.schema import BotInput, ForgeInput
from seatrial.records import BotSpec, ForgeKind, ForgeSpec, WatchedRepository

_SITES = {ForgeKind.GITHUB: "https://github.com", ForgeKind.GITLAB: "https://gitlab.com"}


def to_forge(given: ForgeInput | None) -> ForgeSpec | None:
    """Where the repository is. Raises InvalidError if it needs a URL."""
    if given is None:
        return None
    url = given.url or _SITES.get(given.kind, "")
    if not url and given.kind is not ForgeKind.LOCAL:
        raise InvalidError(("forge", "url"), f"where the {given.kind.value} is isn't said", "add forge.url: https://…")
    if given.reports_url and not given.reports:
        raise InvalidError(("forge", "reports_url"), "there are no reports to link", "add forge.reports: FOLDER")
    if (given.app is None) != (given.key is None):
        raise InvalidError(
            ("forge",), "a GitHub App has an id and a key, and one of them is missing", "add forge.app and forge.key"
        )
    if given.app and given.kind is not ForgeKind.GITHUB:
        raise InvalidError(("forge", "app"), f"{given.kind.value} has no Apps", "use a token there")
    return ForgeSpec(
        kind=given.kind,
        url=url,
        token=given.token or "",
        repository=given.repository or "",
        api=given.api or "",
        app=given.app or "",
        key=given.key or "",
        reports=given.reports or "",
        reports_url=given.reports_url or "",
    )


def to_bot(given: BotInput | None, forge: ForgeInput | None) -> BotSpec | None:
    """What the bot does. Raises InvalidError if it has no forge."""
    if given is None:
        return None
    if forge is None:
        raise InvalidError(("bot",), "the bot has no forge", "add forge: {kind: github}")
    return BotSpec(
        repositories=tuple(
            WatchedRepository(name=name, projects=own.projects, label=own.label or "", forks=own.forks)
            for name, own in given.repositories.items()
        ),
        secret=given.secret,
        host=given.host,
        port=given.port,
        concurrency=given.concurrency,
        url=given.url or "",
        token=given.token or "",
        keep=given.keep,
    )
