"""Buckets of object stores with S3's protocol: how one is opened, and what its refusals mean.

Credentials, region and endpoint come from the usual variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL) or from the machine's role. Plain http is allowed to the same machine,
elsewhere with AWS_ALLOW_HTTP=true.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from seatrial.logs import redact, shown_text
from seatrial.records import SeatrialError, TemporaryError, UsageError

if TYPE_CHECKING:
    from obstore.store import S3Store

_LOOPBACK: Final = re.compile(r"localhost|127(\.\d+){3}|::1")
_TIMEOUT: Final = "60s"
_CONNECT_TIMEOUT: Final = "5s"
_RETRIES: Final = 3
_RETRY_SECONDS: Final = 60
_LONGEST: Final = 300
NO_BUCKET: Final = "NoSuchBucket"
_VARIABLES: Final = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL"


def open_bucket(url: str, *, extra: str) -> "S3Store":
    """The bucket, and the prefix in it, that `s3://bucket/prefix` names; nothing is asked yet.

    Args:
        url: as configured.
        extra: of seatrial, that brings obstore.

    Raises:
        UsageError: this is no such URL, or obstore is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname or parts.username is not None or parts.query:
        raise UsageError(
            "this names no bucket", remedy=f"write s3://bucket/prefix; credentials belong into {_VARIABLES}"
        )
    try:
        from obstore.store import S3Store  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError:
        raise UsageError(
            "buckets take the package obstore, which is not installed",
            where=url,
            remedy=f"pip install 'seatrial[{extra}]'",
        ) from None
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    near = endpoint.scheme == "http" and _LOOPBACK.fullmatch(endpoint.hostname or "") is not None
    timeouts: Any = {"timeout": _TIMEOUT, "connect_timeout": _CONNECT_TIMEOUT}
    retries: Any = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)}
    options = timeouts | ({"allow_http": True} if near else {})
    return S3Store.from_url(url, client_options=options, retry_config=retries)


@contextmanager
def explained(what: str, url: str) -> Iterator[None]:
    """Turn the client's errors into ours, which show neither an answer's body nor a login in the endpoint's URL.

    Args:
        what: was tried, as `read` or `written to`.
        url: of the bucket, as configured.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 - of an extra

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise _error(error, what, url) from error


def _error(error: Exception, what: str, url: str) -> SeatrialError:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415 - of an extra

    text = str(error)
    if isinstance(error, FileNotFoundError) or NO_BUCKET in text:
        return UsageError("there is no such bucket", where=url, remedy="make it, or correct its name")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or "status code: 403" in text:
        return UsageError(
            f"the bucket can't be {what}: it refuses these credentials",
            where=url,
            remedy=f"check {_VARIABLES}, and that they may read and write there",
        )
    return TemporaryError(
        f"the bucket can't be {what}: {redact(shown_text(text.partition(chr(10))[0], _LONGEST))}",
        where=url,
        remedy=f"try again; if it stays so, check {_VARIABLES}",
    )
