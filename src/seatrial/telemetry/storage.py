"""Where segments lie: a directory, or a bucket of an S3-compatible store.

DuckDB reads local files. Its wheel brings no S3 client, and the way round through fsspec would bring a second one, so a
bucket's segments are fetched into a folder of their own for the time of a query: they never change once they are there.
"""

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from seatrial.records import TemporaryError, UsageError

_AT_ONCE = 8
_LOOPBACK = re.compile(r"http://(localhost|127(\.\d+){3}|\[::1\])(:|/|$)")
_SCHEME = "s3://"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A stored file: its name below the target, with slashes, and its length in bytes."""

    name: str
    size: int


class Storage(Protocol):
    """What the queries need of the place where a log lies."""

    def files(self, folder: str) -> list[File]:
        """All files below a folder, by name; empty if there is no such folder."""
        ...

    def local(self, names: Sequence[str], scratch: Path) -> dict[str, Path]:
        """Local copies of those that are still there, by name; `scratch` may be used for them."""
        ...

    def add(self, name: str, source: Path) -> None:
        """Store a local file under a name; no reader ever sees a part of it."""
        ...


def open_storage(target: str) -> Storage:
    """The storage of a prediction log: a directory or `s3://bucket/prefix`.

    A bucket's keys, region and endpoint come from the usual variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    `AWS_REGION`, `AWS_ENDPOINT_URL`).
    """
    return _Bucket(target) if target.startswith(_SCHEME) else _Directory(Path(target))


class _Directory:
    """Files on a disk are read where they lie."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(
                "there is no such directory" if not root.exists() else "this is no directory",
                where=str(root),
                remedy="name the directory or s3://bucket/prefix that `seatrial serve --log` writes to",
            )
        self._root = root

    def files(self, folder: str) -> list[File]:
        found = []
        for path in sorted((self._root / folder).rglob("*")):
            try:
                if path.is_file():
                    found.append(File(name=path.relative_to(self._root).as_posix(), size=path.stat().st_size))
            except FileNotFoundError:  # compaction and retention go on meanwhile
                continue
        return found

    def local(self, names: Sequence[str], scratch: Path) -> dict[str, Path]:  # noqa: ARG002 - nothing to copy
        paths = {name: self._root / name for name in names}
        return {name: path for name, path in paths.items() if path.is_file()}

    def add(self, name: str, source: Path) -> None:
        place = self._root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        # The server sweeps such names away, should this be cut short.
        unfinished = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
        shutil.copyfile(source, unfinished)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(place)


class _Bucket:
    """Objects are whole or not there, so that a plain put is atomic."""

    def __init__(self, target: str) -> None:
        try:
            import obstore  # noqa: PLC0415 - of the extra `log`; a directory needs none of it
            from obstore.store import from_url  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise UsageError(
                "reading a bucket takes the package obstore", where=target, remedy="pip install 'seatrial[log]'"
            ) from error
        self._obstore: Any = obstore
        self._target = target
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        # Elsewhere plain http has to be allowed by AWS_ALLOW_HTTP: keys and rows would be read on the way.
        options: Any = {"allow_http": True} if _LOOPBACK.match(endpoint) else {}
        self._store: Any = from_url(target, client_options=options)

    def files(self, folder: str) -> list[File]:
        try:
            found = [entry for page in self._obstore.list(self._store, prefix=folder) for entry in page]
        except self._obstore.exceptions.BaseError as error:
            raise self._failed("listed", error) from error
        return sorted((File(name=one["path"], size=one["size"]) for one in found), key=lambda file: file.name)

    def local(self, names: Sequence[str], scratch: Path) -> dict[str, Path]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            paths = pool.map(lambda name: self._fetch(name, scratch / name), names)
            return {name: path for name, path in zip(names, paths, strict=True) if path is not None}

    def add(self, name: str, source: Path) -> None:
        try:
            self._obstore.put(self._store, name, source, use_multipart=False)
        except self._obstore.exceptions.BaseError as error:
            raise self._failed("written to", error) from error

    def _fetch(self, name: str, path: Path) -> Path | None:
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}")
        try:
            with partial.open("wb") as file:
                for chunk in self._obstore.get(self._store, name):
                    file.write(chunk)
        except FileNotFoundError:
            return None
        except self._obstore.exceptions.BaseError as error:
            raise self._failed("read", error) from error
        return partial.replace(path)

    def _failed(self, what: str, error: Exception) -> TemporaryError:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        return TemporaryError(
            f"the bucket could not be {what}: {first}",
            where=self._target,
            remedy="look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL, then try again",
        )
