"""Where results of the AICoE ecosystem come from and go to."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seatrial.aicoe.gathered import Facts
    from seatrial.aicoe.results import ResultTools
    from seatrial.ports import (
        Objects,
        Query,
    )


def open_results(project: Path, environ: Mapping[str, str], known: "Facts | None" = None) -> "ResultTools":
    """What the results of trials in a repository of the AICoE ecosystem are gathered with and kept in; needs no closing.

    Nothing is asked yet, and nothing raises: what the environment says wrongly is a sentence in it.

    Args:
        project: the repository's folder.
        environ: the environment: `THOTH_S3_ENDPOINT_URL`, `THANOS_ENDPOINT` and the others of that pipeline.
        known: which repository and pull request it is; None: as the CI system's environment and git say.
    """
    from seatrial.adapters.objects.directory import DirectoryObjects
    from seatrial.aicoe.results import ResultTools
    from seatrial.records import SeatrialError
    from seatrial.trial.workspace import open_workspace

    problems: list[str] = []
    folder = open_workspace(project).root / "aicoe"
    where, objects, prometheus = str(folder), None, None
    try:
        bucket = _thoth_bucket(environ)
        where, objects = bucket or (where, DirectoryObjects(folder))
    except SeatrialError as error:
        problems.append(f"the results are not stored: {error}")
    try:
        prometheus = _thanos(environ)
    except SeatrialError as error:
        problems.append(f"the platform metrics are those that seatrial measured: {error}")
    return ResultTools(
        folder=project.resolve(),
        environ=environ,
        where=where,
        objects=objects,
        prometheus=prometheus,
        known=_known_facts(project, environ) if known is None else known,
        problems=tuple(problems),
    )


def _known_facts(project: Path, environ: Mapping[str, str]) -> "Facts":
    from seatrial.aicoe.gathered import Facts
    from seatrial.forge.place import find_place
    from seatrial.forge.remote import parse_remote
    from seatrial.forge.target import origin
    from seatrial.records import SeatrialError
    from seatrial.trial.change.git import open_repository

    place = find_place(environ, lambda path: Path(path).read_bytes())
    number = None if place is None else place.number
    if place is not None and place.forge is not None and place.repository:
        return Facts(repository=place.repository, url=f"{place.forge.url}/{place.repository}", number=number)
    try:
        remote = parse_remote(origin(open_repository(project, environ=environ).git))
    except SeatrialError:
        remote = None
    if remote is None:
        return Facts(number=number)
    return Facts(repository=remote.repository, url=f"{remote.site}/{remote.repository}", number=number)


def _thoth_bucket(environ: Mapping[str, str]) -> "tuple[str, Objects] | None":
    """The bucket that the environment names; None where it names none."""
    from seatrial.adapters.buckets import Access
    from seatrial.adapters.objects.bucket import BucketObjects
    from seatrial.records import UsageError

    names = ("THOTH_S3_ENDPOINT_URL", "THOTH_CEPH_BUCKET", "THOTH_CEPH_KEY_ID", "THOTH_CEPH_SECRET_KEY")
    endpoint, bucket, key, secret = (environ.get(name, "").strip() for name in names)
    missing = [name for name in names if not environ.get(name, "").strip()]
    if len(missing) == len(names):
        return None
    if missing:
        raise UsageError(
            "the environment says only half where the results go",
            where="THOTH_…",
            remedy=f"set {', '.join(missing)} as well, or none of {', '.join(names)}",
        )
    if not endpoint.startswith(("http://", "https://")):
        raise UsageError("this is no address of an object store", where=names[0], remedy="write https://HOST")
    url = f"s3://{bucket}"
    variables = f"{', '.join(names[:-1])} and {names[-1]}"
    return url, BucketObjects(url, Access(endpoint=endpoint, key=key, secret=secret, variables=variables))


def _thanos(environ: Mapping[str, str]) -> "Query | None":
    """The Prometheus or Thanos that the environment names; None where it names none."""
    from urllib.parse import quote, urlsplit, urlunsplit

    from seatrial.adapters.prometheus import PrometheusServer
    from seatrial.adapters.query.prometheus import PrometheusQuery
    from seatrial.records import UsageError

    endpoint, token = (environ.get(name, "").strip() for name in ("THANOS_ENDPOINT", "THANOS_ACCESS_TOKEN"))
    if not endpoint:
        return None
    if not (token.isascii() and token.isprintable()):
        raise UsageError(
            "this is no token", where="THANOS_ACCESS_TOKEN", remedy="set it to the token alone, on one line"
        )
    server = PrometheusServer(endpoint)  # says what is wrong with the address
    if token:
        parts = urlsplit(endpoint)
        login = f"bearer:{quote(token, safe='')}@{parts.netloc.rpartition('@')[2]}"
        server = PrometheusServer(urlunsplit((parts.scheme, login, parts.path, "", "")))
    return PrometheusQuery(server)
