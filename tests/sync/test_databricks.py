"""A Databricks workspace as a place for code: notebooks, refusals, credentials."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.adapters.code.databricks import LARGEST, parse_url
from seatrial.ports import CodeTarget
from seatrial.records import PermanentError, SeatrialError, SyncSpec, TemporaryError, UsageError
from seatrial.wiring import open_code_target
from tests.sync.places import Workspace, environment, workspace
from tests.sync.workspace_api import TOKEN, ApiError

FOLDER = "ml_apps/wine/main"
BELOW = f"/Shared/{FOLDER}"
JUPYTER = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
NOTEBOOK = b"# Databricks notebook source\nprint(1)\n"


@pytest.fixture
def running() -> Iterator[Workspace]:
    """A workspace, and the variables that open it."""
    with workspace() as one, environment(one.variables):
        yield one


def opened(running: Workspace) -> CodeTarget:
    """A target on it."""
    return open_code_target(SyncSpec(target=running.url), Path(), running.variables)


def digest(data: bytes) -> str:
    """As in a listing."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def copied(target: CodeTarget, files: dict[str, bytes], *removed: str) -> None:
    """Write, remove and note."""
    target.write(FOLDER, files)
    target.remove(FOLDER, removed)
    target.commit(FOLDER, {path: digest(data) for path, data in files.items()}, "c")


def kinds(running: Workspace) -> dict[str, str]:
    """What became of the files, by the names that the workspace has for them."""
    return {path: kind for path, (kind, _) in running.fake.things(BELOW).items() if not path.startswith(".seatrial/")}


@pytest.mark.parametrize(
    ("path", "data", "name", "kind"),
    [
        ("src/train.py", NOTEBOOK, "src/train", "NOTEBOOK"),
        ("src/train.py", NOTEBOOK.replace(b"\n", b"\r\n"), "src/train", "NOTEBOOK"),
        ("src/query.sql", b"-- Databricks notebook source\nSELECT 1\n", "src/query", "NOTEBOOK"),
        ("src/job.scala", b"// Databricks notebook source\n", "src/job", "NOTEBOOK"),
        ("src/plot.R", b"# Databricks notebook source\n", "src/plot", "NOTEBOOK"),
        ("src/explore.ipynb", JUPYTER, "src/explore", "NOTEBOOK"),
        ("src/app.py", b"print(1)\n", "src/app.py", "FILE"),
        ("src/late.py", b"\n" + NOTEBOOK, "src/late.py", "FILE"),
        ("src/notes.md", NOTEBOOK, "src/notes.md", "FILE"),
        ("src/broken.ipynb", b"{", "src/broken.ipynb", "FILE"),
        ("src/empty.ipynb", b"", "src/empty.ipynb", "FILE"),
        ("src/archive.zip", b"PK\x05\x06" + bytes(18), "src/archive.zip", "FILE"),
        ("src/py", NOTEBOOK, "src/py", "FILE"),
        ("src/empty.py", b"", "src/empty.py", "FILE"),
    ],
)
def test_notebooks_become_notebooks_and_files_stay_files(
    running: Workspace, path: str, data: bytes, name: str, kind: str
) -> None:
    """The name is known before: a notebook loses its ending. The bytes are the same."""
    target = opened(running)
    copied(target, {path: data})

    assert name == target.stored_as(path, data)
    assert {name: (kind, data)} == {
        found: thing for found, thing in running.fake.things(BELOW).items() if not found.startswith(".seatrial/")
    }
    assert {path: digest(data)} == opened(running).holding(FOLDER).listing


def test_a_file_that_becomes_a_notebook_leaves_nothing_behind(running: Workspace) -> None:
    """And the other way round, and from one language to another."""
    copied(opened(running), {"train.py": b"print(1)\n"})
    copied(opened(running), {"train.py": NOTEBOOK})
    assert {"train": "NOTEBOOK"} == kinds(running)

    sql = b"-- Databricks notebook source\n"
    copied(opened(running), {"train.sql": sql}, "train.py")
    assert ({"train": "NOTEBOOK"}, ["train.sql"]) == (kinds(running), [*opened(running).holding(FOLDER).listing])

    copied(opened(running), {"train": b"plain\n"}, "train.sql")
    assert {"train": "FILE"} == kinds(running)
    copied(opened(running), {"train.py": b"print(1)\n"}, "train")
    assert {"train.py": "FILE"} == kinds(running)


def test_names_that_change_hands_are_written_in_any_order(running: Workspace) -> None:
    """A notebook gives its name to a file and becomes a file itself, in one sync and two writings."""
    copied(opened(running), {"train.py": NOTEBOOK})
    target = opened(running)
    target.write(FOLDER, {"train": b"plain\n"})
    target.write(FOLDER, {"train.py": b"print(1)\n"})
    listing = {"train": digest(b"plain\n"), "train.py": digest(b"print(1)\n")}
    target.commit(FOLDER, listing, "c")

    assert ({"train": "FILE", "train.py": "FILE"}, listing) == (kinds(running), opened(running).holding(FOLDER).listing)


def test_a_changed_kind_that_was_cut_short_is_completed(running: Workspace) -> None:
    """The file was written and not noted when the sync was killed, and then the ref lost it."""
    copied(opened(running), {"train.py": b"print(1)\n"})
    opened(running).write(FOLDER, {"train.py": NOTEBOOK})
    assert {"train.py": ""} == opened(running).holding(FOLDER).listing

    target = opened(running)
    target.remove(FOLDER, ["train.py"])
    target.commit(FOLDER, {}, "c")
    assert {} == kinds(running)


def test_a_notebook_that_somebody_edited_is_noticed(running: Workspace) -> None:
    """By when it was changed; its bytes are not compared."""
    copied(opened(running), {"train.py": NOTEBOOK})
    running.fake.put(f"{BELOW}/train", NOTEBOOK + b"print(2)\n", kind="NOTEBOOK")

    assert {"train.py": ""} == opened(running).holding(FOLDER).listing


def test_the_limit_is_that_of_the_request(running: Workspace) -> None:
    """10 MiB of base64: the largest file that is let through gets through."""
    target = opened(running)
    assert LARGEST == target.largest
    copied(target, {"largest.bin": bytes(LARGEST)})
    assert {"largest.bin": "FILE"} == kinds(running)
    with pytest.raises(PermanentError, match="MAX_NOTEBOOK_SIZE_EXCEEDED"):
        opened(running).write(FOLDER, {"larger.bin": bytes(LARGEST + 1)})


def test_throttled_calls_are_made_again(running: Workspace) -> None:
    """When the workspace says so."""
    running.fake.throttled = 2
    copied(opened(running), {"a.py": b"1"})

    assert ({"a.py": "FILE"}, 0) == (kinds(running), running.fake.throttled)


@pytest.mark.parametrize(
    ("refusal", "kind", "what"),
    [
        (ApiError(403, "PERMISSION_DENIED", "no"), UsageError, "the workspace refuses"),
        (ApiError(500, "INTERNAL_ERROR", "oops"), TemporaryError, "INTERNAL_ERROR: oops"),
        (ApiError(400, "RESOURCE_ALREADY_EXISTS", "there"), UsageError, "of another kind has its name"),
        (ApiError(400, "BAD_REQUEST", "what"), PermanentError, "BAD_REQUEST: what"),
        (ApiError(404, "RESOURCE_DOES_NOT_EXIST", "gone"), TemporaryError, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_refusals_say_what_to_do(running: Workspace, refusal: ApiError, kind: type[SeatrialError], what: str) -> None:
    """Each by its kind, with the path."""
    running.fake.refusals["import"] = refusal
    with pytest.raises(kind, match=what) as caught:
        opened(running).write(FOLDER, {"a.py": b"1"})
    assert caught.value.where.startswith(BELOW)


def test_a_token_is_never_shown(running: Workspace) -> None:
    """Neither one that is refused nor one that the workspace repeats."""
    running.fake.refusals["list"] = ApiError(400, "BAD_REQUEST", f"you sent {TOKEN}")
    with pytest.raises(PermanentError, match="you sent") as caught:
        opened(running).holding(FOLDER)
    assert TOKEN not in str(caught.value)

    wrong = {"DATABRICKS_TOKEN": "dapi-wrong-token"}
    with environment(wrong), pytest.raises(UsageError, match="refuses") as refused:
        open_code_target(SyncSpec(target=running.url), Path(), wrong).holding(FOLDER)
    assert "dapi" not in str(refused.value)
    assert "DATABRICKS_TOKEN" in refused.value.remedy


def test_missing_credentials_are_named(running: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the variables that give them."""
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no credentials") as caught:
        open_code_target(SyncSpec(target=running.url), Path(), {}).holding(FOLDER)
    assert "DATABRICKS_CLIENT_SECRET" in caught.value.remedy


def test_credentials_go_to_no_other_workspace(running: Workspace) -> None:
    """A change of the target alone must not carry them away."""
    environ = {**running.variables, "DATABRICKS_HOST": "https://mine.cloud.databricks.com"}
    with environment(environ), pytest.raises(UsageError, match=r"credentials are for https://mine") as caught:
        open_code_target(SyncSpec(target=running.url), Path(), environ).holding(FOLDER)
    assert "DATABRICKS_HOST" in caught.value.remedy
    assert [] == running.fake.calls


def test_a_profiles_credentials_go_to_no_other_workspace(running: Workspace, tmp_path: Path) -> None:
    """Those in a file neither."""
    file = tmp_path / "databrickscfg"
    file.write_text(
        f"[DEFAULT]\nhost = https://a.net\n[mine]\nhost = mine.net\ntoken = {TOKEN}\n[bare]\ntoken = {TOKEN}\n"
    )
    for profile, expected in (("mine", "mine.net"), ("bare", "")):
        environ = {"DATABRICKS_CONFIG_FILE": str(file), "DATABRICKS_CONFIG_PROFILE": profile}
        with environment(environ), pytest.raises(UsageError, match=f"credentials are for {expected}"):
            open_code_target(SyncSpec(target=running.url), Path(), environ).holding(FOLDER)
    assert [] == running.fake.calls


def test_the_environment_may_name_the_workspace(running: Workspace) -> None:
    """Then the target needs the folder only."""
    host = running.url.removeprefix("databricks://").partition("/")[0]
    environ = {**running.variables, "DATABRICKS_HOST": f"http://{host}"}
    with environment(environ):
        copied(open_code_target(SyncSpec(target="databricks:///Shared"), Path(), environ), {"a.py": b"1"})
        assert {"a.py": "FILE"} == kinds(running)
        assert ["a.py"] == list(opened(running).holding(FOLDER).listing)


def test_a_file_in_the_folders_place_is_named(running: Workspace) -> None:
    """Rather than taken for an empty folder."""
    running.fake.put(BELOW, b"a file")
    with pytest.raises(UsageError, match="a file is where a folder has to be"):
        opened(running).holding(FOLDER)


def test_folders_that_removal_empties_go_and_others_stay(running: Workspace) -> None:
    """As in a directory."""
    copied(opened(running), {"a/b/c.py": b"1", "a/d.py": b"1"})
    copied(opened(running), {"a/d.py": b"1"}, "a/b/c.py")

    assert (False, True) == (f"{BELOW}/a/b" in running.fake.nodes, f"{BELOW}/a" in running.fake.nodes)


@pytest.mark.parametrize(
    ("url", "host", "root"),
    [
        ("databricks://adb-1.2.azuredatabricks.net/Shared", "https://adb-1.2.azuredatabricks.net", "/Shared"),
        (
            "databricks://x.cloud.databricks.com/Users/me@example.org/",
            "https://x.cloud.databricks.com",
            "/Users/me@example.org",
        ),
        ("databricks:///Workspace/Shared", "", "/Workspace/Shared"),
        ("databricks://127.0.0.1:8080/Shared", "http://127.0.0.1:8080", "/Shared"),
    ],
)
def test_urls_name_a_workspace_and_a_folder(url: str, host: str, root: str) -> None:
    """By https, except on this machine."""
    assert (host, root) == ((found := parse_url(url)).host, found.root)


@pytest.mark.parametrize(
    "url",
    ["databricks://", "databricks://host", "databricks://host/", "databricks://t:s@host/x", "databricks://host/../x"],
)
def test_other_urls_are_refused(url: str) -> None:
    """Above all those with credentials in them."""
    with pytest.raises(UsageError, match="names no folder of a workspace"):
        open_code_target(SyncSpec(target=url), Path(), {})
