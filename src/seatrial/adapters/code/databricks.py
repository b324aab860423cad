"""Code in a Databricks workspace, by its Workspace API (databricks-sdk, which also finds the credentials).

What is a notebook there is decided here and not by the service, so that a file's name is known before it is written: an
`.ipynb` file, and a `.py`, `.sql`, `.scala` or `.r` file whose first line is the mark of a notebook. These are imported
with the format AUTO, which makes them notebooks and takes the ending off their names. Everything else is imported RAW:
a workspace file with its own name and the very same bytes (AUTO would unpack archives). Workspace files have no
executable permission.

Source: docs.databricks.com/api/workspace/workspace (import, export, list, mkdirs, delete).
"""

import base64
import configparser
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from seatrial import __version__
from seatrial.adapters.code.at_once import at_once
from seatrial.logs import Redactor, shown_text
from seatrial.records import PermanentError, SeatrialError, TemporaryError, UsageError
from seatrial.sync.paths import folders_above

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.workspace import ObjectInfo

# The API takes 10 MB of base64, which is three quarters of that in a file.
LARGEST: Final = 10 * 1024 * 1024 * 3 // 4
_MARKS: Final = {
    ".py": b"# Databricks notebook source",
    ".r": b"# Databricks notebook source",
    ".sql": b"-- Databricks notebook source",
    ".scala": b"// Databricks notebook source",
}
_JUPYTER: Final = ".ipynb"
_LOOPBACK: Final = re.compile(r"localhost|127(\.\d+){3}|\[::1\]")
_PATIENCE: Final = 60
_LONGEST: Final = 300
_CREDENTIALS: Final = "set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service principal that may write there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What a URL names: the workspace's address (empty: the one that the environment names) and the folder in it."""

    host: str
    root: str


def parse_url(url: str) -> Workspace:
    """`databricks://HOST/PATH` taken apart. Raises UsageError."""
    host, slash, path = url.removeprefix("databricks://").partition("/")
    parts = [part for part in path.split("/") if part]
    if "@" in host or not slash or not parts or any(part in {".", ".."} for part in parts):
        raise UsageError(
            "this names no folder of a workspace",
            where="sync.target",
            remedy="write databricks://adb-1234.5.azuredatabricks.net/Shared; credentials belong into the environment",
        )
    scheme = "http" if _LOOPBACK.fullmatch(host.partition(":")[0]) else "https"
    return Workspace(host=f"{scheme}://{host}" if host else "", root="/" + "/".join(parts))


def configured_host(environ: Mapping[str, str]) -> str | None:
    """The workspace that the environment's credentials are for; None where it names none, empty if its profile names none."""
    if host := environ.get("DATABRICKS_HOST"):
        return host
    profile = environ.get("DATABRICKS_CONFIG_PROFILE")
    if not profile:
        return None
    file = Path(environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()
    profiles = configparser.ConfigParser(default_section="", interpolation=None)
    with suppress(configparser.Error):
        profiles.read(file, encoding="utf-8")
    return profiles.get(profile, "host", fallback="")


class DatabricksPlace:
    """Implements `Place` on a folder of a workspace; nothing is asked before the first use.

    Args:
        url: `databricks://HOST/PATH`.
        environ: where the SDK finds credentials; its secrets are masked in messages.

    Raises:
        UsageError: this is no such URL, or databricks-sdk is not installed.
    """

    largest: int | None = LARGEST

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        self._workspace = parse_url(url)
        self._environ = environ
        self._redactor = Redactor(environ)
        self._folders: set[str] = set()
        _require_sdk()

    def stored_as(self, path: str, data: bytes) -> str:
        """The path, without its ending if the file becomes a notebook."""
        return posixpath.splitext(path)[0] if _is_notebook(path, data) else path

    def files(self, folder: str, known: Collection[str] = ()) -> Mapping[str, str]:  # noqa: ARG002 - a stamp costs nothing
        """Everything that is no folder; the stamp is the object's id and when it was changed."""
        found: dict[str, str] = {}
        level = [""]
        while level:
            listed = at_once(lambda below: self._list(f"{folder}/{below}".rstrip("/")), level)
            children = [(below, each) for below, objects in zip(level, listed, strict=True) for each in objects]
            level = [_name(below, each) for below, each in children if _is_folder(each)]
            found.update({_name(below, each): _stamp(each) for below, each in children if not _is_folder(each)})
        return found

    def read(self, name: str) -> bytes | None:
        """A whole file; None if there is none."""
        from databricks.sdk.service.workspace import ExportFormat  # noqa: PLC0415 - of the extra `databricks`

        with self._explained("read", name):
            try:
                answer = self._client.workspace.export(self._path(name), format=ExportFormat.AUTO)
            except _not_found():
                return None
            return base64.b64decode(answer.content or "")

    def put(self, folder: str, files: Mapping[str, bytes], executable: Collection[str] = ()) -> Mapping[str, str]:  # noqa: ARG002 - workspace files have no permissions
        """Import the files, several at once; then look at their folders for what became of them."""
        parents = {f"{folder}/{path}".rpartition("/")[0] for path in files}
        at_once(self._make_folder, sorted(parents - self._folders))
        at_once(lambda path: self._import(f"{folder}/{path}", files[path]), files)
        listed = dict(zip(sorted(parents), at_once(self._list, sorted(parents)), strict=True))
        stamps = {f"{parent}/{_base(each)}": _stamp(each) for parent, objects in listed.items() for each in objects}
        return {path: stamps.get(f"{folder}/{self.stored_as(path, data)}", "") for path, data in files.items()}

    def delete(self, folder: str, names: Sequence[str]) -> None:
        """Delete objects, then folders above them that are empty."""
        at_once(lambda name: self._delete(f"{folder}/{name}", recursive=False), names)
        for parent in sorted({above for name in names for above in folders_above(name)}, key=len, reverse=True):
            self._folders.discard(f"{folder}/{parent}")
            self._delete_if_empty(f"{folder}/{parent}")

    def folders(self, above: str) -> Sequence[str]:
        """The folders directly below."""
        return sorted(_base(each) for each in self._list(above) if _is_folder(each))

    def clear(self, folder: str, last: str) -> None:
        """Delete what is in the folder, then the folder: the service deletes a folder in no certain order."""
        names = [_base(each) for each in self._list(folder)]
        at_once(lambda name: self._delete(f"{folder}/{name}", recursive=True), [name for name in names if name != last])
        self._folders.clear()
        self._delete(folder, recursive=True)

    @cached_property
    def _client(self) -> "WorkspaceClient":
        from databricks.sdk import WorkspaceClient  # noqa: PLC0415 - of the extra `databricks`
        from databricks.sdk.config import Config  # noqa: PLC0415

        self._must_not_stray()
        try:
            config = Config(
                host=self._workspace.host or None,
                product="seatrial",
                product_version=__version__,
                retry_timeout_seconds=_PATIENCE,
                http_timeout_seconds=_PATIENCE,
            )
        except ValueError as error:
            raise UsageError(
                f"there are no credentials for this workspace: {self._safe(error)}",
                where=self._workspace.host or "sync.target",
                remedy=_CREDENTIALS,
            ) from None
        return WorkspaceClient(config=config)

    def _must_not_stray(self) -> None:
        """Credentials that the environment gives for one workspace are not sent to another one."""
        configured = configured_host(self._environ)
        if self._workspace.host and configured is not None and _host_of(configured) != _host_of(self._workspace.host):
            raise UsageError(
                f"the environment's credentials are for {configured or 'an unknown workspace'}, and this is another one",
                where=self._workspace.host,
                remedy="correct sync.target, or DATABRICKS_HOST (or DATABRICKS_CONFIG_PROFILE)",
            )

    def _path(self, name: str) -> str:
        return f"{self._workspace.root}/{name}"

    def _list(self, folder: str) -> list["ObjectInfo"]:
        """What is in a folder; nothing if there is no such folder."""
        path = self._path(folder)
        with self._explained("read", folder):
            try:
                found = list(self._client.workspace.list(path))
            except _not_found():
                return []
        # Asked for a file, the service lists the file itself.
        if len(found) == 1 and found[0].path in {path, f"/Workspace{path}", path.removeprefix("/Workspace")}:
            raise UsageError("a file is where a folder has to be", where=path, remedy="move it away and sync again")
        return found

    def _make_folder(self, folder: str) -> None:
        with self._explained("made", folder):
            self._client.workspace.mkdirs(self._path(folder))
        self._folders.add(folder)

    def _import(self, name: str, data: bytes) -> None:
        with self._explained("written", name):
            try:
                self._import_once(name, data)
            except _not_found():
                # Another process removed the folder, empty as it still was.
                self._make_folder(name.rpartition("/")[0])
                self._import_once(name, data)

    def _import_once(self, name: str, data: bytes) -> None:
        from databricks.sdk.service.workspace import ImportFormat  # noqa: PLC0415 - of the extra `databricks`

        self._client.workspace.import_(
            self._path(name),
            content=base64.b64encode(data).decode(),
            format=ImportFormat.AUTO if _is_notebook(name, data) else ImportFormat.RAW,
            overwrite=True,
        )

    def _delete(self, name: str, *, recursive: bool) -> None:
        with self._explained("removed", name), suppress(_not_found()):
            self._client.workspace.delete(self._path(name), recursive=recursive)

    def _delete_if_empty(self, folder: str) -> None:
        from databricks.sdk.errors.base import DatabricksError  # noqa: PLC0415 - of the extra `databricks`

        with self._explained("removed", folder), suppress(_not_found()):
            try:
                self._client.workspace.delete(self._path(folder), recursive=False)
            except DatabricksError as error:
                if error.error_code != "DIRECTORY_NOT_EMPTY":
                    raise

    @contextmanager
    def _explained(self, what: str, name: str) -> Iterator[None]:
        """Turn the SDK's errors into ours."""
        from databricks.sdk.errors.base import DatabricksError  # noqa: PLC0415 - of the extra `databricks`
        from requests import RequestException  # noqa: PLC0415 - what the SDK asks with

        try:
            yield
        except (DatabricksError, RequestException, TimeoutError) as error:
            raise self._error(error, what, self._path(name)) from error

    def _error(self, error: Exception, what: str, where: str) -> SeatrialError:
        from databricks.sdk.errors import PermissionDenied, Unauthenticated  # noqa: PLC0415 - of the extra `databricks`
        from databricks.sdk.errors.base import DatabricksError  # noqa: PLC0415

        code = getattr(error, "error_code", None) or ""
        if isinstance(error, Unauthenticated | PermissionDenied):
            return UsageError(f"it can't be {what}: the workspace refuses", where=where, remedy=_CREDENTIALS)
        if code == "RESOURCE_ALREADY_EXISTS":
            return UsageError(
                f"it can't be {what}: something of another kind has its name (a folder, a notebook, a file)",
                where=where,
                remedy="move it away and sync again; a notebook's full name is that with its ending",
            )
        if not isinstance(error, DatabricksError) or _may_pass(error):
            return TemporaryError(
                f"it can't be {what}: {code or 'the workspace does not answer'}: {self._safe(error)}",
                where=where,
                remedy="sync again, which completes it; if it stays so, check the workspace's address",
            )
        return PermanentError(f"it can't be {what}: {code}: {self._safe(error)}", where=where)

    def _safe(self, error: Exception) -> str:
        """What an error says, without what the SDK adds of its configuration and without secrets."""
        told = str(error).partition("Config: ")[0]
        return self._redactor.text(shown_text(told, _LONGEST))


def _not_found() -> type[Exception]:
    from databricks.sdk.errors import NotFound  # noqa: PLC0415 - of the extra `databricks`

    return NotFound


def _may_pass(error: Exception) -> bool:
    from databricks.sdk import errors  # noqa: PLC0415 - of the extra `databricks`

    passing = (errors.TooManyRequests, errors.InternalError, errors.TemporarilyUnavailable, errors.DeadlineExceeded)
    # A folder that is not there was there a moment ago.
    return isinstance(error, (*passing, errors.NotFound))


def _require_sdk() -> None:
    try:
        import databricks.sdk  # noqa: F401, PLC0415 - of the extra `databricks`
    except ModuleNotFoundError:
        raise UsageError(
            "copying code to Databricks takes the package databricks-sdk, which is not installed",
            where="sync.target",
            remedy="pip install 'seatrial[databricks]'",
        ) from None


def _is_notebook(path: str, data: bytes) -> bool:
    """Whether the service makes a notebook of it."""
    ending = posixpath.splitext(path)[1]
    if ending == _JUPYTER:
        return _is_jupyter(data)
    mark = _MARKS.get(ending.lower())
    return mark is not None and data.partition(b"\n")[0].rstrip() == mark


def _is_jupyter(data: bytes) -> bool:
    try:
        return "cells" in msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return False


def _is_folder(found: "ObjectInfo") -> bool:
    return found.object_type is not None and found.object_type.value == "DIRECTORY"


def _base(found: "ObjectInfo") -> str:
    return (found.path or "").rpartition("/")[2]


def _name(below: str, found: "ObjectInfo") -> str:
    return f"{below}/{_base(found)}" if below else _base(found)


def _stamp(found: "ObjectInfo") -> str:
    return f"{found.object_id}.{found.modified_at}"


def _host_of(address: str) -> str:
    return address.lower().rpartition("://")[2].partition("/")[0].removesuffix(":443")
