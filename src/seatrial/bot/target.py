"""Where the result of a trial of the bot belongs on the forge."""

from seatrial.bot.book import BotBook
from seatrial.records import BotSpec, BotTrial, PublishTarget

_LOOKED_THROUGH = 200


def target_of(trial: BotTrial, spec: BotSpec, book: BotBook) -> PublishTarget:
    """The pull request and the check. As in CI, a project below the repository's root is named in its check.

    Its name is empty where neither the trial nor an earlier one tells.
    """
    return PublishTarget(
        repository=trial.repository,
        number=trial.number,
        commit=trial.commit,
        project=trial.name or _known_name(trial, book),
        several=trial.project != ".",
        listens=True,
        run_url=f"{spec.url.rstrip('/')}/trials/{trial.id}" if spec.url else "",
    )


def _known_name(trial: BotTrial, book: BotBook) -> str:
    known = book.trials(repository=trial.repository, limit=_LOOKED_THROUGH)
    return next((each.name for each in known if each.project == trial.project and each.name), "")
