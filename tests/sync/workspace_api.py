"""A Databricks workspace as far as its Workspace API goes: a real HTTP server with state, strict about every call.

Each call is checked against the schemas below; what breaks one is answered with 400 and kept in `violations`, which
the fixture expects to be empty. Where the rules come from:

- Fields, their types, which are required, the formats and languages: docs.databricks.com/api, "Workspace objects":
  import.md, delete.md, mkdirs.md, list.md, export.md; the same in databricks-sdk 0.156 (`service/workspace.py`). `path`
  is absolute. Unknown fields are refused here, which the service may or may not do.
- import: "This has a limit of 10 MB" of `content`, which is base64; more is MAX_NOTEBOOK_SIZE_EXCEEDED. `overwrite` is
  false by default, and then what exists is RESOURCE_ALREADY_EXISTS. "To import a single file as SOURCE, you must set the
  language field." AUTO: "If the item is imported as a notebook, then the item's extension is automatically removed";
  which items those are: databricks/cli `libs/notebook/detect.go` (first line of .py, .r, .sql, .scala; .ipynb). RAW: the
  enum of the SDK; "importing .zip file as is", which AUTO would import as a folder (databricks-sdk for JavaScript,
  ExportFormat). Overwriting a thing of another kind is RESOURCE_ALREADY_EXISTS all the same (databricks/cli issue 3386,
  pull request 6149). A folder that is missing is not made: 404 (databricks/cli `libs/testserver/workspace_test.go`).
- Names: a notebook's base name and its full name (with the ending of its language) are taken in its folder
  (docs.databricks.com/workspace/workspace-assets, "Note about naming workspace assets").
- delete: what is missing is RESOURCE_DOES_NOT_EXIST, a folder that is not empty without `recursive` DIRECTORY_NOT_EMPTY
  with 400 (databricks/cli `libs/filer/workspace_files_client.go`).
- list: "or the object if it is not a directory"; what is missing is RESOURCE_DOES_NOT_EXIST with 404.
- mkdirs: makes parents, does nothing where the folder is there; an object in the way is RESOURCE_ALREADY_EXISTS.
- Errors: `error_code` and `message` (docs.databricks.com/api/account/errors). 401 without the right token. Too many
  requests are 429 with Retry-After in seconds (databricks-sdk `errors/customizer.py`).
- `/.well-known/databricks-config`: asked by the SDK before all else (`oauth.py`, get_host_metadata).
"""

import base64
import binascii
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema

TOKEN = "dapi-not-a-real-token"
_LIMIT = 10 * 1024 * 1024
_PATH = {"type": "string", "pattern": "^/", "not": {"pattern": "(/\\.\\.?(/|$)|//|.+/$)"}}
_FORMATS = ["AUTO", "DBC", "HTML", "JUPYTER", "RAW", "R_MARKDOWN", "SOURCE"]


def _object(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


SCHEMAS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "import"): _object(
        ["path", "content"],
        path=_PATH,
        content={"type": "string"},
        format={"enum": _FORMATS},
        language={"enum": ["PYTHON", "R", "SCALA", "SQL"]},
        overwrite={"type": "boolean"},
    ),
    ("POST", "delete"): _object(["path"], path=_PATH, recursive={"type": "boolean"}),
    ("POST", "mkdirs"): _object(["path"], path=_PATH),
    ("GET", "list"): _object(["path"], path=_PATH, notebooks_modified_after={"type": "string", "pattern": "^[0-9]+$"}),
    ("GET", "export"): _object(
        ["path"], path=_PATH, format={"enum": _FORMATS}, direct_download={"enum": ["true", "false"]}
    ),
}
_LANGUAGES = {".py": "PYTHON", ".r": "R", ".sql": "SQL", ".scala": "SCALA"}
_MARKS = {"PYTHON": b"#", "R": b"#", "SQL": b"--", "SCALA": b"//"}


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Node:
    """A folder, a notebook or a file."""

    kind: str
    id: int
    modified: int
    data: bytes = b""
    language: str = ""
    ending: str = ""

    def full_name(self, name: str) -> str:
        """A notebook's with the ending of its language."""
        return name + self.ending


@dataclass
class FakeWorkspace:
    """What the workspace holds, and what was asked of it.

    Attributes:
        nodes: by absolute path; `/Shared` and `/Users` are there.
        calls: endpoint and path of each call, in order.
        violations: calls that break a schema.
        throttled: how many of the next calls are answered with 429.
        refusals: by endpoint, errors that are answered instead.
        before_import: called before each import with its path.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    throttled: int = 0
    refusals: dict[str, ApiError] = field(default_factory=dict)
    before_import: Callable[[str], None] | None = None
    _lock: Any = field(default_factory=threading.RLock)
    _count: int = 1_700_000_000_000

    def __post_init__(self) -> None:
        """Every workspace has these folders."""
        for path in ("/", "/Shared", "/Users"):
            self.nodes[path] = self._node("DIRECTORY")

    def things(self, below: str) -> dict[str, tuple[str, bytes]]:
        """Kind and bytes of everything below a folder but folders, by path from there."""
        prefix = f"{below}/"
        return {
            path.removeprefix(prefix): (node.kind, node.data)
            for path, node in self.nodes.items()
            if path.startswith(prefix) and node.kind != "DIRECTORY"
        }

    def put(self, path: str, data: bytes, kind: str = "FILE") -> None:
        """What a user of the workspace makes by hand, its folders included."""
        with self._lock:
            self._mkdirs({"path": str(PurePosixPath(path).parent)})
            self.nodes[path] = self._node(kind, data=data)

    def answer(self, method: str, endpoint: str, given: dict[str, Any]) -> dict[str, Any]:
        """The answer to one call. Raises ApiError."""
        if endpoint == "import" and self.before_import is not None:
            self.before_import(str(given.get("path")))
        with self._lock:
            self.calls.append((endpoint, str(given.get("path"))))
            self._check(method, endpoint, given)
            if endpoint in self.refusals:
                raise self.refusals[endpoint]
            handler: Callable[[dict[str, Any]], dict[str, Any]] = getattr(self, f"_{endpoint}")
            return handler(given)

    def _check(self, method: str, endpoint: str, given: dict[str, Any]) -> None:
        schema = SCHEMAS.get((method, endpoint))
        if schema is None:
            self.violations.append(f"{method} {endpoint}")
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{method} /workspace/{endpoint}'")
        try:
            jsonschema.validate(given, schema)
        except jsonschema.ValidationError as error:
            self.violations.append(f"{endpoint}: {error.message[:200]}")
            raise ApiError(400, "INVALID_PARAMETER_VALUE", error.message[:200]) from None

    def _node(self, kind: str, **facts: Any) -> Node:
        self._count += 1
        return Node(kind=kind, id=self._count, modified=self._count, **facts)

    def _children(self, folder: str) -> dict[str, Node]:
        prefix = folder.rstrip("/") + "/"
        return {
            path: node
            for path, node in self.nodes.items()
            if path.startswith(prefix) and path != prefix and "/" not in path[len(prefix) :]
        }

    def _found(self, path: str) -> Node:
        node = self.nodes.get(path)
        if node is None:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Path ({path}) doesn't exist.")
        return node

    def _mkdirs(self, given: dict[str, Any]) -> dict[str, Any]:
        path = PurePosixPath(given["path"])
        for each in (*reversed(path.parents), path):
            node = self.nodes.setdefault(str(each), self._node("DIRECTORY"))
            if node.kind != "DIRECTORY":
                raise ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({each}) already exists.")
        return {}

    def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        path = given["path"]
        node = self._found(path)
        found = self._children(path) if node.kind == "DIRECTORY" else {path: node}
        return {"objects": [self._info(each, found[each]) for each in sorted(found)]} if found else {}

    def _info(self, path: str, node: Node) -> dict[str, Any]:
        info: dict[str, Any] = {"object_type": node.kind, "path": path, "object_id": node.id}
        if node.kind != "DIRECTORY":
            info |= {"created_at": node.id, "modified_at": node.modified}
        if node.kind == "FILE":
            info["size"] = len(node.data)
        if node.language:
            info["language"] = node.language
        return info

    def _export(self, given: dict[str, Any]) -> dict[str, Any]:
        node = self._found(given["path"])
        if node.kind == "DIRECTORY":
            raise ApiError(400, "INVALID_PARAMETER_VALUE", "this fake exports no folders")
        if len(node.data) > _LIMIT:
            raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "too large to export")
        return {"content": base64.b64encode(node.data).decode(), "file_type": "auto"}

    def _delete(self, given: dict[str, Any]) -> dict[str, Any]:
        path = given["path"]
        self._found(path)
        children = [each for each in self.nodes if each.startswith(f"{path}/")]
        if children and not given.get("recursive", False):
            raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({path}) is not empty")
        for each in (path, *children):
            del self.nodes[each]
        return {}

    def _import(self, given: dict[str, Any]) -> dict[str, Any]:
        path, wanted = PurePosixPath(given["path"]), given.get("format", "SOURCE")
        data = self._content(given)
        if wanted == "SOURCE" and "language" not in given:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", "The language field is required for SOURCE")
        if wanted == "AUTO" and path.suffix == ".zip":
            raise ApiError(400, "BAD_REQUEST", "The zip archive contains no items.")
        node = self._imported(path, wanted, data, given.get("language", ""))
        place = path.with_name(path.name.removesuffix(node.ending)) if wanted == "AUTO" else path
        parent = self.nodes.get(str(place.parent))
        if parent is None or parent.kind != "DIRECTORY":
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The parent folder ({place.parent}) does not exist.")
        self._must_be_free(place, node, overwrite=given.get("overwrite", False))
        before = self.nodes.get(str(place))
        self.nodes[str(place)] = node if before is None else Node(**{**vars(node), "id": before.id})
        return {}

    def _content(self, given: dict[str, Any]) -> bytes:
        if len(given["content"]) > _LIMIT:
            raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", f"content is over {_LIMIT} bytes")
        try:
            return base64.b64decode(given["content"], validate=True)
        except binascii.Error:
            self.violations.append("import: content is not base64")
            raise ApiError(400, "INVALID_PARAMETER_VALUE", "content is not base64") from None

    def _imported(self, path: PurePosixPath, wanted: str, data: bytes, language: str) -> Node:
        if wanted == "RAW":
            return self._node("FILE", data=data)
        if wanted == "SOURCE":
            return self._node("NOTEBOOK", data=data, language=language)
        if wanted != "AUTO":
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"this fake imports no {wanted}")
        if path.suffix == ".ipynb":
            try:
                is_notebook = isinstance(json.loads(data), dict)
            except ValueError:
                is_notebook = False
            found = "PYTHON" if is_notebook else ""
        else:
            found = _LANGUAGES.get(path.suffix.lower(), "")
            first = data.split(b"\n", 1)[0].rstrip(b"\r")
            found = found if found and first == _MARKS[found] + b" Databricks notebook source" else ""
        if not found:
            return self._node("FILE", data=data)
        return self._node("NOTEBOOK", data=data, language=found, ending=path.suffix)

    def _must_be_free(self, place: PurePosixPath, node: Node, *, overwrite: bool) -> None:
        taken = ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Node named '{place.name}' already exists")
        before = self.nodes.get(str(place))
        if before is not None and (not overwrite or before.kind != node.kind):
            raise taken
        for path, other in self._children(str(place.parent)).items():
            name = PurePosixPath(path).name
            notebooks = "NOTEBOOK" in {other.kind, node.kind} and other.kind != "DIRECTORY"
            if path != str(place) and notebooks and other.full_name(name) == node.full_name(place.name):
                raise taken


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for a workspace."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece, which saves the client a wait
    workspace: FakeWorkspace

    def do_GET(self) -> None:
        """Arguments are in the query."""
        self._serve(dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))

    def do_POST(self) -> None:
        """Arguments are a JSON object."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed in the middle of its request
            self.close_connection = True
            return
        if self.headers.get_content_type() != "application/json":
            self.workspace.violations.append(f"{self.path}: {self.headers.get_content_type()}")
        self._serve(json.loads(body or b"{}"))

    def _serve(self, given: dict[str, Any]) -> None:
        path = urlsplit(self.path).path
        if path == "/.well-known/databricks-config":
            self._reply(200, {"oidc_endpoint": f"http://{self.headers['Host']}/oidc", "workspace_id": "470123456789"})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"error_code": "UNAUTHENTICATED", "message": "Invalid access token."})
        elif self.workspace.throttled > 0:
            self.workspace.throttled -= 1
            self._reply(429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many"}, {"Retry-After": "0"})
        else:
            self._reply_to(path.removeprefix("/api/2.0/workspace/"), given)

    def _reply_to(self, endpoint: str, given: dict[str, Any]) -> None:
        try:
            self._reply(200, self.workspace.answer(self.command, endpoint, given))
        except ApiError as error:
            self._reply(error.status, {"error_code": error.code, "message": str(error)})

    def _reply(self, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """A client that was killed is no error here."""
        with suppress(ConnectionError):
            super().handle()


@contextmanager
def serving(workspace: FakeWorkspace) -> Iterator[str]:
    """The workspace on a port of this machine; its `host:port`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"workspace": workspace}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
