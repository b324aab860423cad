"""Which changes of a deployment's state people are told of."""

from seatrial.notices.compose import deployment_notice
from seatrial.records import DeployState, DeployStatus, Notice


def notice_of_change(status: DeployStatus, before: DeployState | None, *, project: str) -> Notice | None:
    """The notice of a change; None for one that is only on the way to another.

    Args:
        status: as it is now.
        before: its state before; None if nobody had seen it yet.
        project: whose it is.
    """
    if status.state is DeployState.STARTING:
        return None
    was = f"; it was {before.value}" if before is not None else ""
    return deployment_notice(status, project=project, what=f"the server saw it change{was}")
