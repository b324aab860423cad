"""Where people find the CI run that this process belongs to."""

from collections.abc import Mapping
from urllib.parse import quote

from seatrial.logs import redact

# One variable that holds the whole address.
_WHOLE = ("CI_JOB_URL", "BUILD_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL")


def ci_run_url(environ: Mapping[str, str]) -> str:
    """The address of the CI run; empty outside CI, or where the CI doesn't tell it (Tekton).

    Args:
        environ: as GitHub Actions, GitLab CI, Jenkins, Azure Pipelines, Buildkite or CircleCI set it.
    """
    return redact(_github(environ) or _azure(environ) or next((environ[key] for key in _WHOLE if environ.get(key)), ""))


def _github(environ: Mapping[str, str]) -> str:
    parts = [environ.get(key, "") for key in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""


def _azure(environ: Mapping[str, str]) -> str:
    server = environ.get("SYSTEM_COLLECTIONURI") or environ.get("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "")
    project, build = environ.get("SYSTEM_TEAMPROJECT", ""), environ.get("BUILD_BUILDID", "")
    if not (server and project and build):
        return ""
    return f"{server.rstrip('/')}/{quote(project)}/_build/results?buildId={quote(build)}"
