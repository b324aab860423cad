"""Who acts: the name that goes into the ledger, and where it comes from.

Nobody logs in to a registry of tables. What an account is called is taken from what continuous integration says of the
person who started it, from git, or from the machine; the ledger keeps the source beside the name, so that a reader can
weigh it. Whoever may write to the registry may also set these; who that is, the database's own rights decide.
"""

from collections.abc import Callable, Mapping
from typing import Final

from seatrial.records import Actor, UsageError

OWN: Final = "SEATRIAL_ACTOR"
OF_CI: Final = (
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILD_REQUESTEDFOREMAIL",
    "BUILD_REQUESTEDFOR",
    "BITBUCKET_STEP_TRIGGERER_UUID",
    "CIRCLE_USERNAME",
    "BUILDKITE_UNBLOCKER_EMAIL",
    "BUILDKITE_BUILD_CREATOR_EMAIL",
    "BUILDKITE_BUILD_CREATOR",
    "CHANGE_AUTHOR_EMAIL",
    "BUILD_USER_EMAIL",
    "BUILD_USER_ID",
    "CODEBUILD_INITIATOR",
    "DRONE_BUILD_TRIGGER",
    "CI_PIPELINE_AUTHOR",
)
"""Variables in which GitHub (and Gitea), GitLab, Azure, Bitbucket, CircleCI, Buildkite, Jenkins, CodeBuild, Drone and
Woodpecker name the person who started the pipeline."""

_LONGEST: Final = 200


def find_actor(environ: Mapping[str, str], asks: Mapping[str, Callable[[], str]]) -> Actor:
    """The person who acts.

    Args:
        environ: of the command: `SEATRIAL_ACTOR`, else what continuous integration says.
        asks: what else can be asked, in this order, by what the ledger calls it (`git config user.email`, `login`);
            each gives a name, or nothing. Asked only where the environment says nothing.

    Raises:
        UsageError: nothing names anybody, or the name can't be shown on one line.
    """
    for variable in (OWN, *OF_CI):
        if name := environ.get(variable, "").strip():
            return Actor(name=_checked(name, variable), via=variable)
    for source, ask in asks.items():
        if name := ask().strip():
            return Actor(name=_checked(name, source), via=source)
    raise UsageError("nobody knows who you are", where=OWN, remedy=f"set {OWN} to your name or e-mail address")


def _checked(name: str, source: str) -> str:
    if len(name) > _LONGEST or not name.isprintable():
        raise UsageError(
            "this name can't stand in the ledger",
            where=source,
            remedy=f"set {OWN} to a name of up to {_LONGEST} characters on one line",
        )
    return name
