"""`seatrial models` and `seatrial ledger` as a user meets them, on the digits example."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial.serve.loaders import digest_of
from tests.change.repositories import init
from tests.examples.test_digits import DIGITS

pytestmark = pytest.mark.slow
ADA = {"name": "ada@example.org", "kind": "person", "via": "SEATRIAL_ACTOR"}


class Shell:
    """A user in a folder: ada, unless somebody else is named."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run one command."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "120", "SEATRIAL_ACTOR": ADA["name"]}
        command = [sys.executable, "-c", "from seatrial.cli.entry import main; main()", *words]
        env = {**own, "GIT_CONFIG_GLOBAL": os.devnull, **environ}
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=env)

    def json(self, *words: str, status: int = 0) -> Any:
        """What one command prints as JSON; standard output holds nothing else."""
        done = self.run(*words, "--format", "json")
        assert status == done.returncode, done.stderr
        return json.loads(done.stdout)

    def models(self, *words: str) -> Any:
        """What `seatrial models` prints as JSON."""
        return self.json("models", *words)


def project(folder: Path) -> Shell:
    """The example in a repository of its own, trained and committed."""
    ignored = shutil.ignore_patterns(".seatrial", "__pycache__", "baseline", "model.joblib")
    shutil.copytree(DIGITS, folder, ignore=ignored)
    subprocess.run([sys.executable, "train.py"], cwd=folder, check=True, capture_output=True)
    work = init(folder)
    for key, value in {"user.name": "Ada", "user.email": "ada@example.org"}.items():
        work.git("config", key, value)
    work.commit({})
    return Shell(folder)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Two versions of the digits, of which the second is in Staging, and one of a folder."""
    shell = project(tmp_path_factory.mktemp("models") / "digits")
    (shell.folder / "metrics.json").write_text('{"accuracy": 0.93}')
    shell.models("register", "model.joblib", "--name", "digits", "--metrics", "metrics.json", "--tag", "team=vision")
    (shell.folder / "better.joblib").write_bytes((shell.folder / "model.joblib").read_bytes())
    shell.models(
        *("register", "better.joblib", "--name", "digits", "--metric", "accuracy=0.96", "--parent", "1"),
        *("--data", "requests.jsonl", "--description", "wider"),
    )
    shell.models("stage", "digits@2", "staging", "--reason", "looks good")
    (shell.folder / "parts").mkdir()
    for name in ("a.joblib", "b.joblib"):
        shutil.copy(shell.folder / "model.joblib", shell.folder / "parts" / name)
    shell.models("register", "parts", "--name", "ensemble", "--no-open", "--version-of-data", "spring")
    return shell


def test_a_version_records_where_it_comes_from(shell: Shell) -> None:
    """What was given, and what was found out."""
    first, second = (shell.models("show", f"digits@{number}") for number in (1, 2))

    assert ("digits", 1, "None", ADA) == tuple(first[key] for key in ("model", "number", "stage", "creator"))
    assert digest_of(shell.folder / "model.joblib") == first["artifact"]["digest"] == second["artifact"]["digest"]
    assert ("sklearn", 64) == (first["flavour"], len(first["signature"]["fields"]))
    assert ({"accuracy": 0.93}, "vision") == (first["metrics"], first["tags"]["team"])
    assert ("main", 40) == (first["lineage"]["branch"], len(first["lineage"]["commit"]))
    assert first["lineage"]["stack"].startswith("sha256:")
    assert (1, digest_of(shell.folder / "requests.jsonl")) == (second["lineage"]["parent"], second["lineage"]["data"])
    assert "wider" == second["description"]


def test_a_folder_is_registered_whole(shell: Shell) -> None:
    """Unopened, on request; the data in the maker's own words."""
    found = shell.models("show", "ensemble")

    assert (digest_of(shell.folder / "parts"), True, 2) == tuple(
        found["artifact"][key] for key in ("digest", "folder", "files")
    )
    assert (None, "spring") == (found["signature"], found["lineage"]["data"])
    assert "it was not opened" in shell.run("models", "register", "parts", "--name", "other", "--no-open").stderr


def test_the_same_bytes_are_stored_once(shell: Shell) -> None:
    """Five copies of the model in four versions, and two listings."""
    stored = [path for path in (shell.folder / ".seatrial/store").glob("??/*") if path.stat().st_size > 100_000]

    assert 1 == len(stored)


def test_models_and_versions_are_listed(shell: Shell) -> None:
    """Newest versions first, as many as asked for."""
    found = {each["name"]: each for each in shell.models("list")}
    assert ({"Staging": [2]}, 2, {}) == (
        found["digits"]["holders"],
        found["digits"]["latest"],
        found["ensemble"]["holders"],
    )
    assert [2, 1] == [each["number"] for each in shell.models("list", "digits")]
    assert [2] == [each["number"] for each in shell.models("list", "digits", "--limit", "1")]

    table = shell.run("models", "list").stdout
    assert ["model", "versions", "latest", "Staging", "Production", "updated"] == table.split()[:6]
    assert "digits@2  Staging" in shell.run("models", "list", "digits").stdout


def test_nothing_to_list_says_how_to_begin(tmp_path: Path) -> None:
    """In a folder that is no project and no repository."""
    assert "seatrial models register PATH --name NAME" in Shell(tmp_path).run("models", "list").stdout


def test_two_versions_are_compared(shell: Shell) -> None:
    """Metrics, lineage and the rest; by stage as well."""
    found = shell.models("diff", "digits@1", "digits@Staging")

    different = {(each["part"], each["name"]): (each["before"], each["after"]) for each in found["differences"]}
    assert (0.93, 0.96) == different["metrics", "accuracy"]
    assert (None, 1) == different["lineage", "parent"]
    assert ("model.joblib", "better.joblib") == different["artifact", "name"]
    assert ("artifact", "digest") not in different
    assert "0.96 (+0.03)" in shell.run("models", "diff", "digits@1", "digits@2").stdout
    assert "differ in nothing" in shell.run("models", "diff", "digits@2", "digits@Staging").stdout


def test_tags_are_set_and_removed(shell: Shell) -> None:
    """All others stay."""
    shell.models("tag", "ensemble@1", "a=1", "b=2", "git.dirty-")

    assert {"b": "3", "c": ""} == shell.models("tag", "ensemble@1", "a-", "b=3", "c=")["tags"]
    assert "ensemble@1: b=3, c=" == shell.run("models", "tag", "ensemble@1", "b=3").stdout.strip()


@pytest.mark.parametrize("more", [(), ("--break-glass", "--reason", "it burns")])
def test_a_person_can_not_set_production(shell: Shell, more: tuple[str, ...]) -> None:
    """The refusal says why, and which command would do it; nothing has changed."""
    done = shell.run("models", "stage", "digits@2", "Production", *more)

    assert (2, "") == (done.returncode, done.stdout)
    assert "digits@2: can't go to Production" in done.stderr
    assert "seatrial promote digits --version 2" in done.stderr
    assert "Staging" == shell.models("show", "digits@2")["stage"]


def test_a_stage_that_is_held_already_changes_nothing(shell: Shell) -> None:
    """Said, and no line written."""
    before = shell.json("ledger", "show")
    done = shell.run("models", "stage", "digits@2", "Staging")

    assert (0, "digits@2 holds Staging already") == (done.returncode, done.stdout.strip())
    assert before == shell.json("ledger", "show")


def test_history_tells_who_moved_what(shell: Shell) -> None:
    """Of one version, of a model, of everything; the last lines."""
    (registered, moved) = shell.models("history", "digits@2")["entries"]
    assert ("registered", "moved", "None", "Staging", "looks good", ADA) == (
        *(registered["kind"], moved["kind"], moved["source"], moved["to"]),
        *(moved["reason"], moved["actor"]),
    )
    assert 3 == len(shell.models("history", "digits")["entries"])
    assert [3] == [each["seq"] for each in shell.models("history", "digits", "--limit", "1")["entries"]]
    assert "looks good" in shell.run("models", "history").stdout


def test_history_tells_what_held_a_stage_at_a_time(shell: Shell) -> None:
    """A day alone means its end; what came later does not count."""
    moved = shell.models("history", "digits@2")["entries"][-1]["at"]

    on_that_day = shell.models("history", "--at", moved[:10])
    assert [("digits", 2, "Staging")] == [
        (each["model"], each["number"], each["stage"]) for each in on_that_day["standing"]
    ]
    assert f"{moved[:10]}T23:59:59.999999Z" == on_that_day["at"]
    long_ago = shell.models("history", "digits", "--at", "2020-05-01")
    assert ([], []) == (long_ago["standing"], long_ago["entries"])
    assert 2 == len(shell.models("history", "digits@1", "--at", "0s")["entries"]) + 1
    text = shell.run("models", "history", "--at", moved[:10]).stdout
    assert f"at {moved[:10]} 23:59 UTC" in text
    assert "no version held a stage at 2020-05-01" in shell.run("models", "history", "--at", "2020-05-01").stdout


def test_a_version_is_exported(shell: Shell, tmp_path: Path) -> None:
    """Its files, and what is known of them; again changes nothing, over something else is refused."""
    out = str(tmp_path / "out")
    found = shell.models("export", "digits@2", out)
    shell.models("export", "ensemble@latest", str(tmp_path / "more"))

    assert digest_of(shell.folder / "model.joblib") == digest_of(tmp_path / "out" / "better.joblib")
    assert shell.models("show", "digits@2") == json.loads((tmp_path / "out" / "version.json").read_text())
    assert digest_of(shell.folder / "parts") == digest_of(tmp_path / "more" / "parts")
    assert found == shell.models("export", "digits@2", out)
    done = shell.run("models", "export", "digits@1", out)
    assert (2, True) == (done.returncode, "version.json: another record lies there already" in done.stderr)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("register", "nowhere", "--name", "x"), "there is no model"),
        (("register", "model.joblib", "--name", "a/b"), "can't be the name of a model"),
        (("register", "model.joblib", "--name", "x", "--metric", "a=b"), "'b' is no number"),
        (("register", "model.joblib", "--name", "x", "--data", ".", "--version-of-data", "1"), "named twice"),
        (("register", "model.joblib", "--name", "x", "--parent", "1"), "there is no model 'x'"),
        (("show", "digit"), "did you mean 'digits'"),
        (("show", "digits@7"), "digits has no version 7"),
        (("show", "digits@Production"), "no version of digits holds Production"),
        (("stage", "digits", "Staging"), "which version?"),
        (("stage", "digits@1", "Stagin"), "the stages are None, Staging, Production"),
        (("tag", "digits@1", "oops"), "no name and value"),
        (("history", "--at", "yesterday"), "'yesterday' is no time"),
        (("export", "digits@1", "/dev/null/x"), "can't be written"),
    ],
)
def test_mistakes_are_explained(shell: Shell, words: tuple[str, ...], told: str) -> None:
    """With exit code 2 (4 where something broke), on standard error."""
    done = shell.run("models", *words)

    assert (4 if words[0] == "export" else 2, "") == (done.returncode, done.stdout)
    assert told in done.stderr
    assert "→" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_may_act_without_a_name(shell: Shell) -> None:
    """A name that would break the ledger's line is refused."""
    done = shell.run("models", "stage", "digits@1", "Staging", SEATRIAL_ACTOR="a\nb")

    assert (2, True) == (done.returncode, "can't stand in the ledger" in done.stderr)


@pytest.fixture
def copied(shell: Shell, tmp_path: Path) -> Shell:
    """The same registry, to be broken."""
    shutil.copytree(shell.folder, tmp_path / "copy")
    return Shell(tmp_path / "copy")


def test_the_ledger_holds_together(shell: Shell) -> None:
    """Also against a head that was noted before; its lines can be read."""
    found = shell.json("ledger", "verify")
    lines = shell.json("ledger", "show")

    assert (True, []) == (found["holds"], found["flaws"])
    assert found["head"] == {"seq": found["lines"], "digest": lines[-1]["digest"]}
    assert found == shell.json("ledger", "verify", "--head", lines[0]["digest"])
    assert f"head {found['head']['digest']}" in shell.run("ledger", "verify").stdout
    assert lines[-1]["digest"][7:19] in shell.run("ledger", "show").stdout
    assert [lines[-1]] == shell.json("ledger", "show", "--limit", "1")


def test_an_edited_ledger_is_told(copied: Shell) -> None:
    """By somebody who took the locks off first: every flaw, and exit code 1."""
    with sqlite3.connect(copied.folder / ".seatrial/registry.db") as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute("UPDATE registry_ledger SET reason = 'never mind' WHERE reason = 'looks good'")
    database.close()

    found = copied.json("ledger", "verify", status=1)
    done = copied.run("ledger", "verify")

    assert (False, ["edited"]) == (found["holds"], [flaw["kind"] for flaw in found["flaws"]])
    assert (1, True) == (done.returncode, "was edited: digits@2 None → Staging" in done.stdout)


def test_a_head_that_is_gone_is_told(copied: Shell) -> None:
    """Somebody noted a digest that no line has."""
    done = copied.run("ledger", "verify", "--head", "sha256:" + "0" * 64)

    assert (1, True) == (done.returncode, "no line has the digest" in done.stdout)
