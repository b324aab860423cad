"""What leaves the machine one way: notices to people, code to workspaces."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.notices.deliver import NoticeTools
    from seatrial.ports import (
        CodeTarget,
        Notify,
    )
    from seatrial.records import (
        NotifySpec,
        SyncSpec,
    )
    from seatrial.sync.tools import SyncTools


def open_notices(project: Path) -> "NoticeTools":
    """What is needed to tell people of a project. Raises UsageError if it has no configuration that can be read."""
    from functools import partial

    from seatrial.adapters.clock import SystemClock
    from seatrial.config import load_project
    from seatrial.notices.deliver import NoticeTools

    found = load_project(project)
    return NoticeTools(
        project=found.name,
        receivers=found.notify,
        clock=SystemClock(),
        open=partial(open_notifier, environ=os.environ),
    )


def open_notifier(spec: "NotifySpec", environ: Mapping[str, str]) -> "Notify":
    """What brings notices to one receiver; needs no closing.

    Args:
        spec: the receiver; `log://` is a line on standard error, anything else goes through apprise.
        environ: what `${NAME}` in its URL refers to.

    Raises:
        UsageError: a variable isn't set, the URL is none that apprise knows, or apprise isn't installed.
    """
    from seatrial.records import UsageError
    from seatrial.trial.build.environment import filled

    url = filled(spec.url, environ, what=f"the url of {spec.name!r}", where="notify")
    if url.casefold().startswith("log://"):
        from seatrial.adapters.notify.log import LogNotify

        return LogNotify(spec.name)
    try:
        from seatrial.adapters.notify.apprise import AppriseNotify
    except ModuleNotFoundError as error:
        raise UsageError(
            f"receiver {spec.name!r} needs a package that is not installed: {error.name}",
            where="notify",
            remedy="pip install 'seatrial[models]'",
        ) from error
    return AppriseNotify(spec, url)


def open_sync(project: Path) -> "SyncTools":
    """The tools for copying a project's code. Raises UsageError if the project does not say where to."""
    from seatrial.adapters.clock import SystemClock
    from seatrial.config import CONFIG_NAME, load_project
    from seatrial.records import UsageError
    from seatrial.sync.tools import SyncTools
    from seatrial.trial.change.git import open_repository

    found = load_project(project)
    if found.sync is None:
        raise UsageError(
            "where the code goes is not said", where=CONFIG_NAME, remedy="add `sync: FOLDER`, or the URL of a workspace"
        )
    return SyncTools(
        project=found.name,
        spec=found.sync,
        repository=open_repository(project),
        target=open_code_target(found.sync, project, os.environ),
        clock=SystemClock(),
        environ=os.environ,
    )


def open_code_target(spec: "SyncSpec", project: Path, environ: Mapping[str, str]) -> "CodeTarget":
    """Where the project's code is copied to: a folder, a bucket or a Databricks workspace, by the target's scheme.

    Raises UsageError for a scheme that nobody knows, and for a target that takes a package which is not installed.
    """
    from seatrial.adapters.code.target import PlacedTarget
    from seatrial.records import UsageError
    from seatrial.trial.build.environment import filled

    target = filled(spec.target, environ, what="sync.target")
    scheme, separator, _ = target.partition("://")
    if not separator:
        from seatrial.adapters.code.directory import DirectoryPlace

        return PlacedTarget(DirectoryPlace(project / Path(target).expanduser()))
    if scheme == "s3":
        from seatrial.adapters.code.objects import ObjectPlace

        return PlacedTarget(ObjectPlace(target))
    if scheme == "databricks":
        from seatrial.adapters.code.databricks import DatabricksPlace

        return PlacedTarget(DatabricksPlace(target, environ))
    raise UsageError(
        f"code can't be copied to {scheme}://",
        where="sync.target",
        remedy="name a folder, s3://bucket/prefix or databricks://HOST/PATH",
    )
