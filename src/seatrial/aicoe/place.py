"""Which repository, commit and pull request results belong to, as the variables of the AICoE pipeline say.

Its steps are told by the environment: `REPO_URL`, `COMMIT_SHA`, and `PIPELINE_HELPERS_PR_FILE_PATH` names a file in which
Tekton describes the pull request. What the caller knows already (from its own CI system, or the bot) counts first.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from seatrial.aicoe.gathered import NAMESPACE, Facts
from seatrial.records import Report

PULL_FILE: Final = "PIPELINE_HELPERS_PR_FILE_PATH"
PODS: Final = "PIPELINE_HELPERS_POD_NAME"
OVERLAY: Final = "PIPELINE_HELPERS_OVERLAY_NAME"
_NAMESPACES: Final = ("PIPELINE_HELPERS_DEPLOYMENT_NAMESPACE", "DEPLOYMENT_NAMESPACE")

Environ = Mapping[str, str]
ReadFile = Callable[[str], bytes]


def find_facts(report: Report, environ: Environ, read: ReadFile, known: Facts) -> Facts:
    """What is known of where a report belongs.

    Args:
        report: whose candidate's commit is the one that was tried, where it has one.
        environ: of the pipeline.
        read: reads a file, raising OSError.
        known: by the caller; what is empty in it is looked for.
    """
    pull = _pull(environ.get(PULL_FILE, ""), read)
    base = _inner(_inner(pull, "Base"), "Repo")
    url = known.url or repository_url(environ.get("REPO_URL", "")) or repository_url(str(base.get("Link") or ""))
    number = pull.get("Number")
    return replace(
        known,
        repository=known.repository or str(base.get("FullName") or "") or urlsplit(url).path.strip("/"),
        url=url,
        commit=known.commit or report.change.candidate.commit or environ.get("COMMIT_SHA", ""),
        number=known.number if known.number is not None or not isinstance(number, int) else number,
        namespace=next((environ[name] for name in _NAMESPACES if environ.get(name)), known.namespace or NAMESPACE),
    )


def repository_url(address: str) -> str:
    """An address of a repository as people open it: no login, no `.git`; empty for what is none (`git@…`)."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('.git')}"


def _pull(path: str, read: ReadFile) -> Mapping[str, Any]:
    """What Tekton wrote of the pull request; empty where it wrote nothing that can be read."""
    if not path:
        return {}
    try:
        found = msgspec.json.decode(read(path))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _inner(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = found.get(key)
    return inner if isinstance(inner, dict) else {}
