"""Code in a bucket of an object store with S3's protocol.

An object appears whole or not at all. A bucket knows neither folders nor permissions, so that executable files are
stored like all others. The stamp is the object's ETag, which changes with its bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seatrial.adapters.buckets import NO_BUCKET, explained, open_bucket
from seatrial.adapters.code.at_once import at_once

if TYPE_CHECKING:
    from obstore.store import S3Store


class ObjectPlace:
    """Implements `Place` on `s3://bucket/prefix`; nothing is asked before the first use.

    Raises:
        UsageError: this is no such URL, or obstore is not installed.
    """

    largest: int | None = None

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._bucket: S3Store = open_bucket(self._url, extra="s3")

    def stored_as(self, path: str, data: bytes) -> str:  # noqa: ARG002 - an object is an object
        """The path."""
        return path

    def files(self, folder: str, known: Collection[str] = ()) -> Mapping[str, str]:
        """All objects below; an empty one that is not known may be the mark of a folder, and does not count."""
        with explained("read", self._url):
            found = [each for page in self._obstore.list(self._bucket, prefix=folder) for each in page]
        wanted, length = frozenset(known), len(folder) + 1
        stamps = {each["path"][length:]: _stamp(each) for each in found if each["path"].startswith(f"{folder}/")}
        empty = {each["path"][length:] for each in found if not each["size"]}
        return {name: stamp for name, stamp in stamps.items() if name in wanted or name not in empty}

    def read(self, name: str) -> bytes | None:
        """A whole object; None if there is none."""
        with explained("read", self._url):
            try:
                return bytes(self._obstore.get(self._bucket, name).bytes())
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise
                return None

    def put(self, folder: str, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Mapping[str, str]:  # noqa: ARG002 - objects have no permissions
        """Put the objects, several at once."""

        def put(path: str) -> str:
            name = f"{folder}/{path}"
            with explained("written to", self._url):
                done = self._obstore.put(self._bucket, name, files[path], use_multipart=False)
                return _stamp(done if done.get("e_tag") else self._obstore.head(self._bucket, name))

        return dict(zip(files, at_once(put, files), strict=True))

    def delete(self, folder: str, names: Sequence[str]) -> None:
        """Delete objects; those that are gone already are no error."""
        if names:
            with explained("written to", self._url):
                self._obstore.delete(self._bucket, [f"{folder}/{name}" for name in names])

    def folders(self, above: str) -> Sequence[str]:
        """What stands between `above/` and the next slash."""
        with explained("read", self._url):
            found = self._obstore.list_with_delimiter(self._bucket, above)
        return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"])

    def clear(self, folder: str, last: str) -> None:
        """Delete all objects below, those below `last` at the end."""
        with explained("read", self._url):
            found = [each["path"] for page in self._obstore.list(self._bucket, prefix=folder) for each in page]
        final = [path for path in found if path.startswith(f"{folder}/{last}/")]
        with explained("written to", self._url):
            for paths in (sorted(set(found) - set(final)), final):
                if paths:
                    self._obstore.delete(self._bucket, paths)

    @cached_property
    def _obstore(self) -> Any:  # noqa: ANN401 - a module
        import obstore  # noqa: PLC0415 - of the extra `s3`

        return obstore


def _stamp(facts: Mapping[str, Any]) -> str:
    """What a store says of an object; some quote the tag, and only sometimes."""
    return str(facts.get("e_tag") or facts.get("size")).strip('"')
