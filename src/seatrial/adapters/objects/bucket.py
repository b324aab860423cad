"""Objects in a bucket of an object store with S3's protocol.

The stamp is the object's ETag. Whether a condition on it holds, the server decides in the moment of writing (`If-Match`,
`If-None-Match`): AWS, MinIO and today's Ceph do, rclone does not look at conditions, and others refuse them with 501.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seatrial.adapters.buckets import NO_BUCKET, Access, explained, open_bucket
from seatrial.adapters.objects.keys import checked
from seatrial.ports import StoredObject

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from obstore.store import S3Store

_UNKNOWN = "status code: 501"


class BucketObjects:
    """Implements `seatrial.ports.Objects` on `s3://bucket/prefix`; nothing is asked before the first use.

    Args:
        url: of the bucket.
        access: to it; None: as the usual variables say.

    Raises:
        UsageError: this is no such URL, or obstore is not installed.
    """

    def __init__(self, url: str, access: Access | None = None) -> None:
        self._url = url.rstrip("/")
        self._access = access
        self._bucket: S3Store = open_bucket(self._url, extra="s3", access=access)

    def get(self, key: str) -> StoredObject | None:
        """The object; None if there is none."""
        with self._explained("read"):
            try:
                found = self._obstore.get(self._bucket, checked(key))
                data = bytes(found.bytes())
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise
                return None
        return StoredObject(data=data, stamp=str(found.meta["e_tag"] or ""))

    def keys(self, below: str) -> Sequence[str]:
        """The keys that begin with `below/`, sorted."""
        with self._explained("read"):
            found = [each["path"] for page in self._obstore.list(self._bucket, prefix=checked(below)) for each in page]
        return sorted(key for key in found if key.startswith(f"{below}/"))

    def put(self, key: str, data: bytes, *, content_type: str = "") -> None:
        """Write it."""
        with self._explained("written to"):
            self._write(key, data, "overwrite", {"Content-Type": content_type} if content_type else None)

    def replace(self, key: str, data: bytes, *, instead: str | None) -> bool:
        """Write it if what is there has the stamp `instead`, as far as the server knows conditions."""
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError  # noqa: PLC0415 - of an extra

        with self._explained("written to"):
            try:
                self._write(key, data, "create" if instead is None else {"e_tag": instead})
            except (AlreadyExistsError, PreconditionError) as error:
                if NO_BUCKET in str(error):
                    raise
                return False
            except BaseError as error:
                if _UNKNOWN not in str(error):
                    raise
                self._write(key, data, "overwrite")
        return True

    def _write(self, key: str, data: bytes, mode: Any, attributes: dict[str, str] | None = None) -> None:  # noqa: ANN401 - obstore's
        self._obstore.put(self._bucket, checked(key), data, mode=mode, attributes=attributes, use_multipart=False)

    def _explained(self, what: str) -> "AbstractContextManager[None]":
        return explained(what, self._url, self._access.variables) if self._access else explained(what, self._url)

    @cached_property
    def _obstore(self) -> Any:  # noqa: ANN401 - a module
        import obstore  # noqa: PLC0415 - of the extra `s3`

        return obstore
