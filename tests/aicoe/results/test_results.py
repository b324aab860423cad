"""Results are gathered and kept as the environment of the AICoE pipeline says, and nothing of it ends a trial."""

import json
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.aicoe.comment import render_aicoe
from seatrial.aicoe.gathered import Facts, PodUsage
from seatrial.aicoe.place import find_facts, repository_url
from seatrial.aicoe.results import Kept, ResultTools, keep_results
from seatrial.testing import MemoryObjects
from seatrial.wiring import open_results
from tests.aicoe.results.samples import FACTS, SHA, broken, good, report
from tests.aicoe.results.test_platform import Known
from tests.serve.log import conftest as servers

FOLDER = "data/aicoe-ci/deployment-metrics/acme/wine/446"
PULL = {"Number": 446, "Base": {"Repo": {"FullName": "acme/wine", "Link": "https://github.com/acme/wine"}}}


def no_file(path: str) -> bytes:
    """There is none."""
    raise FileNotFoundError(path)


def kept_in_memory(folder: Path, *names: str, **environ: str) -> Kept:
    """What becomes of a trial's results with these variables."""
    tools = ResultTools(folder=folder, environ=environ, where="memory", objects=MemoryObjects(), known=FACTS)
    return keep_results(report(*(good(name) for name in names or ("inference",))), tools)


def test_results_are_in_the_workspace_where_nothing_else_is_said(tmp_path: Path) -> None:
    """The same keys as in a bucket, as paths; nothing needs an account."""
    kept = keep_results(report(good("inference"), broken("gpu")), open_results(tmp_path, {}, FACTS))

    root = tmp_path / ".seatrial" / "aicoe"
    assert str(root) == kept.where
    assert () == kept.problems
    assert (
        f"{FOLDER}/inference/processed_metrics",
        f"{FOLDER}/gpu/processed_metrics",
        f"{FOLDER}/aggregated_metrics",
    ) == kept.keys
    assert "pr-446-gpu" == json.loads((root / kept.keys[1]).read_bytes())["model_version"]


@pytest.mark.parametrize("start", [servers.rclone, servers.moto], ids=["rclone", "moto"])
def test_results_are_in_the_bucket_that_the_environment_names(
    start: Callable[[Path], servers.ObjectStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own keys, whatever other accounts the environment holds; also by several runs at once, and without conditions."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "else")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (tmp_path / "served").mkdir()
    server = start(tmp_path / "served")
    server.start()
    try:
        if start is servers.moto:
            servers.make_bucket(server.port)
        tools = open_results(tmp_path, thoth(server.port), FACTS)
        first = keep_results(report(good("inference")), tools)
        second = keep_results(report(good("training")), tools)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda name: keep_results(report(good(name)), tools), "abcd"))
        assert tools.objects is not None
        found = tools.objects.get(f"{FOLDER}/aggregated_metrics")
        refused = keep_results(
            report(good("inference")), open_results(tmp_path, thoth(server.port, secret="not-the-secret"), FACTS)
        )
    finally:
        server.stop()

    assert ((), ()) == (first.problems, second.problems)
    assert f"s3://{servers.BUCKET}" == second.where
    assert found is not None
    names = ["a", "b", "c", "d", "inference", "training"]
    assert [f"pr-446-{name}" for name in names] == json.loads(found.data)["model_version"]
    if start is servers.rclone:  # moto takes any
        (problem,) = refused.problems
        assert "refuses these credentials" in problem
        assert "THOTH_CEPH_SECRET_KEY" in problem
        assert "not-the-secret" not in problem
        assert ((), "") == (refused.keys, refused.where)


def thoth(port: int, secret: str = servers.SECRET) -> dict[str, str]:
    """The variables of a bucket on this machine."""
    return {
        "THOTH_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "THOTH_CEPH_BUCKET": servers.BUCKET,
        "THOTH_CEPH_KEY_ID": servers.KEY,
        "THOTH_CEPH_SECRET_KEY": secret,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"THOTH_CEPH_SECRET_KEY": ""}, "set THOTH_CEPH_SECRET_KEY as well"),
        ({"THOTH_CEPH_BUCKET": " ", "THOTH_CEPH_KEY_ID": ""}, "set THOTH_CEPH_BUCKET, THOTH_CEPH_KEY_ID as well"),
        ({"THOTH_S3_ENDPOINT_URL": "s3.example.com"}, "write https://HOST"),
        ({"THOTH_CEPH_BUCKET": "key:pa55word@bucket"}, "this names no bucket"),
    ],
)
def test_half_an_account_is_said_and_nothing_is_stored(tmp_path: Path, change: Mapping[str, str], said: str) -> None:
    """Also not somewhere else, where nobody would look for it."""
    kept = keep_results(report(good("inference")), open_results(tmp_path, {**thoth(9), **change}, FACTS))

    (problem,) = kept.problems
    assert problem.startswith("the results are not stored: ")
    assert said in problem
    assert servers.SECRET not in problem
    assert "pa55word" not in problem
    assert () == kept.keys
    assert not (tmp_path / ".seatrial" / "aicoe").exists()


def test_without_a_pull_request_that_is_said(tmp_path: Path) -> None:
    """And the comment can be printed all the same."""
    found = report(good("inference"))

    kept = keep_results(found, open_results(tmp_path, {}, Facts()))

    (problem,) = kept.problems
    assert "nothing tells which these are" in problem
    assert "## Platform metrics" in render_aicoe(found, kept.facts)


def test_files_are_written_where_the_pipeline_wants_them(tmp_path: Path) -> None:
    """Flat, as its own steps write them; one of each for several deployments."""
    environ = {
        "PIPELINE_HELPERS_METRICS_FILE_PATH": "out/metrics.json",
        "PIPELINE_HELPERS_PLATFORM_METRICS_FILE_PATH": str(tmp_path / "platform.json"),
    }

    one = kept_in_memory(tmp_path, **environ)
    two = kept_in_memory(tmp_path, "a", "../b", **environ)

    assert (tmp_path / "out" / "metrics.json", tmp_path / "platform.json") == one.files
    assert {
        "average_error": 0.02,
        "average_latency": 0.1,
        "average_probability": 0.93,
        "model_version": "pr-446-inference",
        "number_requests": 10000,
    } == json.loads(one.files[0].read_bytes())
    assert {"CPU max usage": 0.25, "Memory max usage": "384Mi"} == json.loads(one.files[1].read_bytes())
    assert ["metrics-a.json", "metrics-%2E.%2Fb.json", "platform-a.json", "platform-%2E.%2Fb.json"] == [
        path.name for path in two.files
    ]
    assert {tmp_path / "out", tmp_path} == {path.parent for path in two.files}


def test_a_file_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    """The results are stored all the same."""
    (tmp_path / "taken").write_text("")

    kept = kept_in_memory(tmp_path, PIPELINE_HELPERS_METRICS_FILE_PATH="taken/metrics.json")

    (problem,) = kept.problems
    assert "PIPELINE_HELPERS_METRICS_FILE_PATH" in problem
    assert 2 == len(kept.keys)


def test_a_prometheus_tells_of_the_pod_that_is_named(tmp_path: Path) -> None:
    """By overlay where there are several; of the others seatrial's own measurement counts, and that is said."""
    tools = ResultTools(
        folder=tmp_path,
        environ={"PIPELINE_HELPERS_POD_NAME": "p", "PIPELINE_HELPERS_OVERLAY_NAME": "b"},
        prometheus=Known(),
        known=FACTS,
    )

    kept = keep_results(report(good("a"), good("b")), tools)

    assert {"b": PodUsage(why="Prometheus knows none of pod p in aicoe-ci")} == kept.facts.platform
    assert (
        "PIPELINE_HELPERS_POD_NAME names no pod of a: their platform metrics are those that seatrial measured",
    ) == (kept.problems)


def test_pods_that_mean_nothing_are_said(tmp_path: Path) -> None:
    """And seatrial's own measurement counts."""
    tools = ResultTools(folder=tmp_path, environ={"PIPELINE_HELPERS_POD_NAME": "a="}, prometheus=Known(), known=FACTS)

    kept = keep_results(report(good("a")), tools)

    (problem,) = kept.problems
    assert "names no pod" in problem
    assert {} == kept.facts.platform


def test_the_pull_request_is_the_one_that_tekton_describes(tmp_path: Path) -> None:
    """Its file, the address of the repository and the namespace are read; the commit is the one that was tried."""
    (tmp_path / "pr.json").write_text(json.dumps(PULL))
    environ = {
        "PIPELINE_HELPERS_PR_FILE_PATH": "pr.json",
        "REPO_URL": "https://ada:pa55word@git.example/acme/wine.git",
        "COMMIT_SHA": "3" * 40,
        "PIPELINE_HELPERS_DEPLOYMENT_NAMESPACE": "ml",
    }

    kept = keep_results(report(good("inference")), ResultTools(folder=tmp_path, environ=environ))

    assert kept.facts == Facts(
        repository="acme/wine", url="https://git.example/acme/wine", commit=SHA, number=446, namespace="ml"
    )


def test_what_the_caller_knows_counts_first() -> None:
    """A bot knows better than the environment that it was started in."""
    known = Facts(repository="a/b", url="https://forge.example/a/b", commit="4" * 40, number=7)
    environ = {"REPO_URL": "https://git.example/c/d", "PIPELINE_HELPERS_PR_FILE_PATH": "pr.json"}

    found = find_facts(report(good("a")), environ, lambda _: json.dumps(PULL).encode(), known)

    assert known == found


@pytest.mark.parametrize("content", [b"", b"[]", b'{"Number": "7"}', b'{"Base": []}', b"\xff", b"[" * 100_000])
def test_a_file_that_describes_nothing_is_as_none(content: bytes) -> None:
    """Whatever stands in it."""
    environ = {"PIPELINE_HELPERS_PR_FILE_PATH": "pr.json"}
    found = report(good("a"))

    assert find_facts(found, {}, no_file, Facts()) == find_facts(found, environ, lambda _: content, Facts())
    assert find_facts(found, {}, no_file, Facts()) == find_facts(found, environ, no_file, Facts())


def test_a_tree_without_commit_is_that_of_the_environment() -> None:
    """As in a step that was given the files and not the history."""
    found = report(good("a"))
    bare = replace(found, change=replace(found.change, candidate=replace(found.change.candidate, commit=None)))

    assert "3" * 40 == find_facts(bare, {"COMMIT_SHA": "3" * 40}, no_file, Facts()).commit


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://github.com/acme/wine.git", "https://github.com/acme/wine"),
        ("https://github.com/acme/wine/", "https://github.com/acme/wine"),
        ("https://token@git.example:8443/acme/wine", "https://git.example:8443/acme/wine"),
        ("git@github.com:acme/wine.git", ""),
        ("http://[", ""),
        ("", ""),
    ],
)
def test_addresses_are_as_people_open_them(address: str, url: str) -> None:
    """Without a login, which would end up in the comment."""
    assert url == repository_url(address)


def test_the_ci_system_or_git_tells_the_repository(tmp_path: Path) -> None:
    """Nothing has to be configured."""
    (tmp_path / "event.json").write_text('{"pull_request": {"number": 7}}')
    actions = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/wine",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
    }
    for command in (["init", "-q"], ["remote", "add", "origin", "git@git.example:acme/beer.git"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)

    assert Facts(repository="acme/wine", url="https://github.com/acme/wine", number=7) == (
        open_results(tmp_path, actions).known
    )
    assert Facts(repository="acme/beer", url="https://git.example/acme/beer") == open_results(tmp_path, {}).known
