"""The pipelines are right in substance too, whatever the linters say: history, rights, reports, secrets, exit codes."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import typer.main
from ruamel.yaml import YAML

from seatrial.cli.main import app
from seatrial.scaffold import Ci, files_of, pipelines_of
from tests.scaffold.projects import options

_PIPELINES = ("trial", "model-ci", "model-cd", "code-cd")
_SECRETS = ("SEATRIAL_REGISTRY_URL", "SEATRIAL_NOTIFY_URL", "DATABRICKS_TOKEN", "AWS_SECRET_ACCESS_KEY")


def _text(ci: Ci, pipeline: str) -> str:
    """One pipeline's file."""
    chosen = options(ci)
    (path,) = (path for path in pipelines_of(chosen) if f"wine_2-{pipeline}." in path)
    return files_of(chosen)[path].content.decode()


def _yaml(ci: Ci, pipeline: str) -> Any:
    return YAML(typ="safe", pure=True).load(_text(ci, pipeline))


def _job(ci: Ci, pipeline: str) -> Any:
    """The only job of a pipeline of GitHub's, GitLab's or Azure's."""
    whole = _yaml(ci, pipeline)
    if ci is Ci.GITLAB:
        return whole[f"wine_2-{pipeline}"]
    return whole["jobs"][0] if ci is Ci.AZURE else next(iter(whole["jobs"].values()))


def _steps(pipeline: str) -> list[Mapping[str, Any]]:
    steps: list[Mapping[str, Any]] = _job(Ci.GITHUB, pipeline).get("steps", [])
    return steps


def _shell(value: Any, key: str = "") -> Iterator[str]:
    """Every script in a pipeline that is YAML."""
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _shell(each, inner)
    elif isinstance(value, list):
        for each in value:
            yield from _shell(each, key)
    elif key in {"run", "script", "after_script", "bash"}:
        yield value


_SH = re.compile(r"sh '''(.*?)'''|sh '([^\n]*)'\n", re.DOTALL)


def _scripts(ci: Ci, pipeline: str) -> list[str]:
    """What a shell gets to read in a pipeline."""
    if ci is Ci.JENKINS:
        return [many or one for many, one in _SH.findall(_text(ci, pipeline))]
    return list(_shell(_yaml(ci, pipeline)))


@pytest.mark.parametrize("ci", Ci)
@pytest.mark.parametrize("pipeline", _PIPELINES)
def test_shells_understand_the_scripts(ci: Ci, pipeline: str) -> None:
    """Each is whole: no quote, no `if` and no `{` is left open."""
    scripts = _scripts(ci, pipeline)

    assert [] == [script for script in scripts if subprocess.run(["bash", "-n", "-c", script], check=False).returncode]
    assert scripts


@pytest.mark.parametrize("ci", Ci)
def test_each_pipeline_runs_its_command(ci: Ci) -> None:
    """The trial after the tests, a promotion from Staging, a deployment with its resources, and the copying of code."""
    trial = "\n".join(_scripts(ci, "trial"))
    deploy = "\n".join(_scripts(ci, "model-cd"))

    assert 0 <= trial.index("scripts/test") < trial.index("seatrial trial --base")
    assert "seatrial promote wine_2 --from Staging --out promotion-report" in "\n".join(_scripts(ci, "model-ci"))
    assert re.search(r'seatrial deploy "wine_2@\$\w*VERSION" --cpu "\$\w*CPU" --memory "\$\w*MEMORY"', deploy)
    assert re.search(r"seatrial sync .*--prune", "\n".join(_scripts(ci, "code-cd")))


@pytest.mark.parametrize("ci", Ci)
@pytest.mark.parametrize("pipeline", _PIPELINES)
def test_no_value_becomes_a_part_of_a_command(ci: Ci, pipeline: str) -> None:
    """What people and branches are called reaches a shell as a variable, so that a quote in it breaks nothing."""
    allowed = {"$(workspaces.basic-auth.bound)", "$(workspaces.basic-auth.path)", "$(workspaces.reports.path)"}
    for script in _scripts(ci, pipeline):
        assert "${{" not in script
        assert "{{" not in script
        assert set(re.findall(r"\$\((?:params|workspaces|context|tasks)[^)]*\)", script)) <= allowed


@pytest.mark.parametrize("ci", Ci)
@pytest.mark.parametrize("pipeline", _PIPELINES)
def test_secrets_come_from_the_ci_system_and_are_not_echoed(ci: Ci, pipeline: str) -> None:
    """No script names one, and none prints its environment or each of its commands."""
    for script in _scripts(ci, pipeline):
        assert not [name for name in _SECRETS if name in script]
        assert not re.search(r"\bset -\w*x|\b(print)?env\b(?!-)", script)


def test_only_what_needs_secrets_gets_them() -> None:
    """A trial runs the code of whoever opened the pull request."""
    for ci in Ci:
        assert not re.search(r"secrets\.|SEATRIAL_REGISTRY_URL|withCredentials|secretKeyRef", _text(ci, "trial"))


@pytest.mark.parametrize("ci", Ci)
@pytest.mark.parametrize("pipeline", ["trial", "model-ci"])
def test_exit_codes_are_respected(ci: Ci, pipeline: str) -> None:
    """Nothing swallows the verdict of a trial or a promotion: no `|| true`, no pipe, no step that may fail."""
    for script in _scripts(ci, pipeline):
        for line in script.split("\n"):
            if re.search(r"seatrial (trial|promote)|scripts/(test|waiting)", line):
                assert not re.search(
                    r"\|\||(?<!\|)\|(?!\|)|;|&$", line.strip().removeprefix('test -z "$versions" || ')
                ), line
    assert not re.search(r"continue-on-error|allow_failure:(?! \{exit)|continueOnError|onError", _text(ci, pipeline))


@pytest.mark.parametrize("pipeline", _PIPELINES)
def test_github_gives_least_rights(pipeline: str) -> None:
    """Reading at most, nothing for a job that needs no repository, and never on behalf of a stranger."""
    whole = _yaml(Ci.GITHUB, pipeline)

    assert ({} if pipeline == "model-cd" else {"contents": "read"}) == whole["permissions"]
    assert "pull_request_target" not in _text(Ci.GITHUB, pipeline)
    assert whole["concurrency"]["group"].startswith(f"wine_2-{pipeline}")
    assert (pipeline == "trial") == whole["concurrency"]["cancel-in-progress"]
    assert f"wine_2-{pipeline}" == whole["name"]
    assert all("timeout-minutes" in job for job in whole["jobs"].values())


def test_github_keeps_the_token_only_where_the_remote_is_asked() -> None:
    """The copying of code asks which branches there are; no other job talks to the remote again."""
    kept = {
        pipeline: step["with"]["persist-credentials"]
        for pipeline in _PIPELINES
        for step in _steps(pipeline)
        if "checkout" in step.get("uses", "")
    }

    assert {"trial": False, "model-ci": False, "code-cd": True} == kept


def test_history_is_whole_where_a_baseline_is_looked_for() -> None:
    """A shallow clone has no merge-base."""
    (github,) = (s["with"]["fetch-depth"] for s in _steps("trial") if "checkout" in s.get("uses", ""))
    (azure,) = (s["fetchDepth"] for s in _job(Ci.AZURE, "trial")["steps"] if "checkout" in s)

    assert (0, "0") == (github, azure)
    assert "0" == _job(Ci.GITLAB, "trial")["variables"]["GIT_DEPTH"]
    assert "cloneOption(shallow: false" in _text(Ci.JENKINS, "trial")
    assert not [script for script in _scripts(Ci.TEKTON, "trial") if "--depth" in script]


@pytest.mark.parametrize(("pipeline", "folder"), [("trial", "trial-report"), ("model-ci", "promotion-report")])
def test_reports_are_kept_whatever_the_verdict(pipeline: str, folder: str) -> None:
    """Each system is told to publish after a failure too, and where there is a notion of test cases, the JUnit report."""
    published = [s for s in _steps(pipeline) if "upload-artifact" in s.get("uses", "")]
    azure = [s for s in _job(Ci.AZURE, pipeline)["steps"] if "publish" in s or "PublishTest" in s.get("task", "")]
    gitlab = _job(Ci.GITLAB, pipeline)["artifacts"]

    assert [(folder, "${{ !cancelled() }}")] == [(s["with"]["path"], s["if"]) for s in published]
    assert 2 == len([s for s in azure if s["condition"].startswith("and(succeededOrFailed()")])
    assert ("always", f"{folder}/junit.xml") == (gitlab["when"], gitlab["reports"]["junit"])
    assert re.search(
        rf"always \{{\s+junit allowEmptyResults: true, testResults: '{folder}/junit.xml'\s+archiveArtifacts",
        _text(Ci.JENKINS, pipeline),
    )
    assert "trap publish EXIT" in _text(Ci.TEKTON, pipeline)


def test_what_is_installed_is_cached() -> None:
    """Environments of the model's stack are kept between runs, under a key that changes with the pins."""
    (cache,) = (s["with"] for s in _steps("trial") if "actions/cache" in s.get("uses", ""))
    azure = [s["inputs"] for s in _job(Ci.AZURE, "trial")["steps"] if s.get("task") == "Cache@2"]
    ignored = files_of(options(Ci.GITLAB))[".gitignore"].content.decode().split("\n")

    assert ("~/.cache/seatrial", True) == (cache["path"], "hashFiles('requirements*.txt')" in cache["key"])
    assert {"$(PIP_CACHE_DIR)", "$(XDG_CACHE_HOME)"} == {inputs["path"] for inputs in azure}
    assert [".cache/"] == _job(Ci.GITLAB, "trial")["cache"]["paths"]
    assert ".cache/" in ignored, "what is cached must not become a part of the candidate"


def test_events_are_the_right_ones() -> None:
    """Trials for pull requests, promotions on the default branch, deployments by hand, code for every branch."""
    chosen = options(Ci.GITHUB, branch="trunk")
    on = {p: _on(files_of(chosen)[f".github/workflows/wine_2-{p}.yml"].content.decode()) for p in _PIPELINES}

    assert ["pull_request"] == list(on["trial"])
    assert {"branches": ["trunk"]} == on["model-ci"]["push"]
    assert ["workflow_dispatch"] == list(on["model-cd"])
    assert {"version", "cpu", "memory"} == set(on["model-cd"]["workflow_dispatch"]["inputs"])
    assert {"push", "delete"} == set(on["code-cd"])


def _on(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)["on"]


def _commands() -> dict[str, set[str]]:
    """Every command of seatrial with its options, groups by their full names."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, name: str) -> None:
        found[name] = {option for p in command.params for option in p.opts} | {"--help"}
        for inner, each in getattr(command, "commands", {}).items():
            walk(each, f"{name} {inner}".strip())

    walk(typer.main.get_command(app), "")
    return found


@pytest.mark.parametrize("ci", Ci)
def test_projects_use_only_commands_that_exist(ci: Ci) -> None:
    """Wherever a generated file writes `seatrial COMMAND --option`, this seatrial has them."""
    known = _commands()
    chosen = options(ci)
    texts = {p: f.content.decode() for p, f in files_of(chosen).items() if not p.endswith(".joblib")}
    wrong = [
        (path, command, option)
        for path, text in texts.items()
        for command, rest in re.findall(r"seatrial[\"'}]* ((?:models )?[a-z]+)((?: [^\n`|&;]*)?)", text)
        if command in {"trial", "init", "serve", "promote", "deploy", "sync", "server"} or command.startswith("models ")
        for option in ["", *re.findall(r"(?<=\s)--[a-z][a-z-]*", rest)]
        if command not in known or (option and option not in known[command])
    ]

    assert [] == wrong


def test_the_azure_pipelines_can_be_made() -> None:
    """The README's command for each pipeline names a file that is there, and the place that the address is in."""
    files = files_of(options(Ci.AZURE))
    commands = re.findall(r"az pipelines create (.*)", files["README.md"].content.decode())
    given = [dict(re.findall(r"--([a-z-]+) (\S+)", command)) for command in commands]

    assert {f"wine_2-{p}" for p in _PIPELINES} == {each["name"] for each in given}
    assert all(each["yml-path"] in files for each in given)
    assert {("https://dev.azure.com/sea", "sailors", "wine_2")} == {
        (each["organization"], each["project"], each["repository"]) for each in given
    }


def test_requests_hold_what_the_configuration_sends() -> None:
    """Each line is one request with its label."""
    for demo in (False, True):
        lines = files_of(options(demo=demo))["requests.jsonl"].content.decode().splitlines()
        rows = [json.loads(line) for line in lines]

        assert 400 == len(rows)
        assert {0, 1} == {row["label"] for row in rows}
