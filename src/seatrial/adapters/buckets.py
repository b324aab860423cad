"""Buckets of object stores with S3's protocol: how one is opened, and what its refusals mean.

Credentials, region and endpoint come from the usual variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL) or from the machine's role, unless an `Access` says them. Plain http is
allowed to the same machine, elsewhere with AWS_ALLOW_HTTP=true.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a bucket is and who asks, where the usual variables don't say it.

    Attributes:
        endpoint: `http(s)://host[:port]`.
        key, secret: of the account.
        variables: that they come from, for messages.
    """

    endpoint: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    variables: str


def open_bucket(url: str, *, extra: str, access: Access | None = None) -> "S3Store":
    """The bucket, and the prefix in it, that `s3://bucket/prefix` names; nothing is asked yet.

    Args:
        url: as configured.
        extra: of seatrial, that brings obstore.
        access: None: as the usual variables say.

    Raises:
        UsageError: this is no such URL, or obstore is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname or parts.username is not None or parts.query:
        raise UsageError(
            "this names no bucket",
            remedy=f"write s3://bucket/prefix; credentials belong into {access.variables if access else _VARIABLES}",
        )
    try:
        from obstore.store import S3Store  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError:
        raise UsageError(
            "buckets take the package obstore, which is not installed",
            where=url,
            remedy=f"pip install 'seatrial[{extra}]'",
        ) from None
    usual = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    endpoint = urlsplit(access.endpoint if access else usual)
    near = endpoint.scheme == "http" and _LOOPBACK.fullmatch(endpoint.hostname or "") is not None
    timeouts: Any = {"timeout": _TIMEOUT, "connect_timeout": _CONNECT_TIMEOUT}
    retries: Any = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)}
    allowed = near or os.environ.get("AWS_ALLOW_HTTP", "").casefold() in {"true", "1"}
    options = timeouts | ({"allow_http": True} if allowed else {})
    if access is None:
        return S3Store.from_url(url, client_options=options, retry_config=retries)
    account: Any = {
        "access_key_id": access.key, "secret_access_key": access.secret, "token": None, "expires_at": None,
    }  # fmt: skip
    return S3Store.from_url(
        url,
        endpoint=access.endpoint,
        region=_REGION,
        # A provider in place of settings, so that a session of the usual variables is not mixed in.
        credential_provider=lambda: account,
        client_options=options,
        retry_config=retries,
    )


@contextmanager
def explained(what: str, url: str, variables: str = _VARIABLES) -> Iterator[None]:
    """Turn the client's errors into ours, which show neither an answer's body nor a login in the endpoint's URL.

    Args:
        what: was tried, as `read` or `written to`.
        url: of the bucket, as configured.
        variables: where its credentials come from.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 - of an extra

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise _error(error, what, url, variables) from error


def _error(error: Exception, what: str, url: str, variables: str) -> SeatrialError:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415 - of an extra

    text = str(error)
    if isinstance(error, FileNotFoundError) or NO_BUCKET in text:
        return UsageError("there is no such bucket", where=url, remedy="make it, or correct its name")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or "status code: 403" in text:
        return UsageError(
            f"the bucket can't be {what}: it refuses these credentials",
            where=url,
            remedy=f"check {variables}, and that they may read and write there",
        )
    return TemporaryError(
        f"the bucket can't be {what}: {redact(shown_text(text.partition(chr(10))[0], _LONGEST))}",
        where=url,
        remedy=f"try again; if it stays so, check {variables}",
    )
