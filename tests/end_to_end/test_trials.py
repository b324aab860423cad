"""Trials of a real server in real processes, from a change in git to the verdict."""

import json
from pathlib import Path

import duckdb
import pytest

from seatrial.records import Axis, Role, Stage, UsageError, Verdict
from tests.end_to_end.projects import CONFIG, SmallProject, cell, comparison, make_project, only, rows


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """A small project, committed."""
    return make_project(tmp_path / "small")


def test_a_worse_model_fails(project: SmallProject) -> None:
    """Right in one of five where the baseline is always right: the accuracy gate fails, and the report says why."""
    project.write("model.json", {"right": 1})
    report = project.report()
    found = comparison(only(report), "accuracy")
    assert (Verdict.FAIL, 1.0) == (report.verdict, found.baseline)
    assert found.candidate == pytest.approx(0.2)
    assert "accuracy" in report.headline


def test_an_equal_model_passes_and_leaves_everything_in_place(project: SmallProject) -> None:
    """Every file of the report is there, the samples are one row a request, and nothing runs any more."""
    project.write("server.py", (project.folder / "server.py").read_text() + "\n# a comment\n")
    outcome = project.run()
    assert Verdict.PASS is outcome.report.verdict
    paths = outcome.paths
    assert all(path.stat().st_size > 500 for path in (paths.json, paths.markdown, paths.html, paths.junit))
    sent = (
        duckdb.connect()
        .execute(f"SELECT cell, count(*) FROM '{paths.json.parent}/samples.parquet' GROUP BY 1 ORDER BY 1")
        .fetchall()
    )
    assert [("small@baseline", 120), ("small@candidate", 120)] == sent
    assert [] == list((paths.json.parent / "trees").iterdir())
    assert "" == project.git("worktree", "prune", "--dry-run", "--verbose")


def test_both_versions_get_the_same_requests_in_the_same_order(project: SmallProject) -> None:
    """Blocks pair up request by request."""
    folder = project.run().paths.json.parent
    query = "SELECT cell, list(request ORDER BY block, sent) FROM read_parquet('{}/samples.parquet') GROUP BY cell ORDER BY cell"
    (_, first), (_, second) = duckdb.connect().execute(query.format(folder)).fetchall()
    assert list(range(120)) == first == second


def test_the_change_is_told_by_axis(project: SmallProject) -> None:
    """Code and model changed; the settings of the trial are neither."""
    project.write("model.json", {"bias": 0.0})
    project.write("models/weights.bin", b"\x00\x01")
    project.write("helper.py", "")
    axes = {change.axis for change in project.report().change.axes}
    assert {Axis.CODE, Axis.MODEL} <= axes


def test_a_dirty_working_tree_is_tried_as_it_is(project: SmallProject) -> None:
    """Uncommitted and untracked files count, and stay as they are."""
    project.write("untracked.py", "x = 1\n")
    before = project.git("status", "--porcelain")
    report = project.report()
    assert report.change.candidate.dirty
    assert before == project.git("status", "--porcelain")


def test_two_commits_can_be_compared(project: SmallProject) -> None:
    """`--base` and `--head` name revisions; the working tree plays no part."""
    base = project.git("rev-parse", "HEAD")
    project.write("model.json", {"right": 2})
    head = project.commit()
    project.write("model.json", {"right": 5})
    report = project.report(base=base, head=head)
    assert (base, head) == (report.change.baseline.commit, report.change.candidate.commit)
    assert pytest.approx(0.4) == comparison(only(report), "accuracy").candidate


def test_slices_and_their_gap_are_reported(project: SmallProject) -> None:
    """The candidate is wrong on some x only; each slice has its figure and the gap may be a gate."""
    config = CONFIG.replace("label: label,", "label: label, slices: [side],").replace(
        "margin: 10pp}", "margin: 90pp, gap: 5pp}", 1
    )
    project.write("seatrial.yaml", config)
    server = (project.folder / "server.py").read_text()
    project.write("server.py", server.replace('x % 5 < MODEL.get("right", 5)', "x % 2"))
    deployment = only(project.report())
    assert 1.0 == comparison(deployment, "accuracy", "side=left").candidate
    assert 0.0 == comparison(deployment, "accuracy", "side=right").candidate
    gap = comparison(deployment, "accuracy", "gap(side)")
    assert (0.0, 1.0, Verdict.FAIL) == (gap.baseline, gap.candidate, gap.verdict)


def test_attribution_says_which_axis_did_it(project: SmallProject) -> None:
    """Only the model file makes it worse; the code is innocent."""
    project.write("seatrial.yaml", "axes: {model: [model.json]}\n" + CONFIG)
    project.write("model.json", {"right": 1})
    project.write("helper.py", "x = 1\n")
    deployment = only(project.report(attribute=True))
    effects = {effect.axis: effect for effect in deployment.attribution if effect.metric == "accuracy"}
    assert pytest.approx(-0.8) == effects[Axis.MODEL].effect
    assert pytest.approx(0.0) == effects[Axis.CODE].effect
    interval = effects[Axis.MODEL].interval
    assert interval is not None
    assert interval.low < -0.8 < interval.high


def test_driving_stops_once_the_verdict_is_settled(tmp_path: Path) -> None:
    """A hopeless candidate is found out before all requests were sent."""
    project = make_project(tmp_path / "p", requests=600, config="until: decided\n" + CONFIG)
    project.write("model.json", {"right": 0})
    report = project.report()
    sent = cell(only(report), Role.CANDIDATE).result.requests
    assert Verdict.FAIL is report.verdict
    assert sent < 600
    assert any("settled" in note for note in report.notes)


def test_a_failure_settles_the_verdict_whatever_is_still_open(tmp_path: Path) -> None:
    """The p99 gate can't be decided below a thousand requests, but the accuracy has failed already."""
    config = "until: decided\n" + CONFIG.replace("  errors:", "  latency_p99: {margin: 20%}\n  errors:")
    project = make_project(tmp_path / "p", requests=600, config=config)
    project.write("model.json", {"right": 0})
    report = project.report()
    assert Verdict.FAIL is report.verdict
    assert cell(only(report), Role.CANDIDATE).result.requests < 600


def test_the_deployments_own_metrics_are_kept(project: SmallProject) -> None:
    """`/metrics` is scraped once it was driven: warm-up and requests."""
    found = cell(only(project.report()), Role.CANDIDATE).result.scrape
    assert {"predictions_total": 125.0} == found


def test_usage_and_start_are_measured(project: SmallProject) -> None:
    """Memory, CPU and the time until ready have figures, and limits that were not asked for are not claimed."""
    summary = cell(only(project.report()), Role.CANDIDATE)
    result = summary.result
    assert result.usage is not None
    assert max(point.memory for point in result.usage.points) > 1 << 20
    assert (result.ready_seconds or 0) > 0
    assert Stage.DONE is result.stage


def test_a_new_deployment_is_judged_by_its_limits_alone(project: SmallProject) -> None:
    """It has no baseline: margins say nothing about it, limits do."""
    project.write(
        "seatrial.yaml", CONFIG + "  added:\n    run: python server.py\n    metrics: {accuracy: {limit: 0.5}}\n"
    )
    report = project.report(only=("added",))
    found = comparison(only(report), "accuracy")
    assert Verdict.PASS is found.verdict
    assert any("added is new" in note for note in report.notes)


def test_a_service_that_already_runs_is_driven_where_it_is(project: SmallProject) -> None:
    """With `--base URL` nothing is started for the baseline."""
    import subprocess
    import sys

    from tests.waiting import wait_until

    port = 18473
    running = subprocess.Popen(
        [sys.executable, "server.py"], cwd=project.folder, env={"PORT": str(port)}, stdout=subprocess.DEVNULL
    )
    try:
        import httpx

        def healthy() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(healthy, deadline=20)
        limits = "  memory_peak: {limit: 4Gi}\n  memory_mean: {margin: 10%}\n  errors:"
        project.write("seatrial.yaml", CONFIG.replace("  errors:", limits))
        report = project.report(base=f"http://127.0.0.1:{port}")
    finally:
        running.kill()
        running.wait()
    baseline = cell(only(report), Role.BASELINE).result
    assert (None, 120) == (baseline.usage, baseline.requests)
    assert Verdict.PASS is comparison(only(report), "accuracy").verdict
    assert Verdict.PASS is comparison(only(report), "memory_peak").verdict, "a limit needs no baseline"
    assert Verdict.INCONCLUSIVE is comparison(only(report), "memory_mean").verdict, "a margin does"


def test_the_versions_can_be_driven_together(project: SmallProject) -> None:
    """`concurrent: true` still pairs request by request."""
    project.write("seatrial.yaml", CONFIG.replace("warmup: 5,", "warmup: 5, concurrent: true,"))
    assert 120 == comparison(only(project.report()), "accuracy").samples


def test_a_revision_without_configuration_starts_as_the_candidate_says(tmp_path: Path) -> None:
    """The pull request that brings seatrial in can be tried itself."""
    project = make_project(tmp_path / "p")
    project.git("rm", "--quiet", "seatrial.yaml", "--cached")
    project.git("commit", "--quiet", "-m", "without")
    report = project.report()
    assert Verdict.PASS is report.verdict
    assert any("the baseline has no seatrial.yaml" in note for note in report.notes)


@pytest.mark.parametrize(
    ("expected", "name", "content"),
    [
        (r"requests\.jsonl:3", "requests.jsonl", rows(2) + "{not json}\n"),
        (r"requests\.jsonl", "requests.jsonl", ""),
        (r"label", "requests.jsonl", json.dumps({"x": 1}) + "\n"),
        (r"no such|missing|there is no", "seatrial.yaml", CONFIG.replace("requests.jsonl", "requets.jsonl")),
        (r"unknown key", "seatrial.yaml", CONFIG + "    raet: 3\n"),
    ],
)
def test_bad_input_ends_before_anything_is_started(
    project: SmallProject, expected: str, name: str, content: str
) -> None:
    """The message names the file and line; no run pretends to have measured anything."""
    project.write(name, content)
    with pytest.raises(UsageError, match=expected):
        project.run()


def test_a_folder_outside_git_is_a_usage_error(tmp_path: Path) -> None:
    """There is nothing to compare with, and the message says what to do."""
    (tmp_path / "seatrial.yaml").write_text(CONFIG)
    with pytest.raises(UsageError, match="git") as caught:
        SmallProject(tmp_path).run()
    assert caught.value.remedy


@pytest.mark.slow
def test_a_change_of_a_local_package_beside_the_project_is_in_the_candidates_stack(tmp_path: Path) -> None:
    """`../shared` is part of the repository, so the two versions never share its environment."""
    mono = make_project(tmp_path / "mono")
    mono.write(
        "shared/pyproject.toml",
        "[project]\nname = 'shared'\nversion = '1'\n[tool.setuptools]\npy-modules = ['shared']\n",
    )
    mono.write("shared/shared.py", "X = 5\n")
    mono.write("service/requirements.txt", "../shared\n")
    mono.write("service/model.json", {})
    server = (mono.folder / "server.py").read_text()
    mono.write(
        "service/server.py",
        server.replace("import json\n", "import json\nimport shared\n", 1).replace('MODEL.get("right", 5)', "shared.X"),
    )
    mono.write("service/requests.jsonl", rows(120))
    mono.write("service/seatrial.yaml", CONFIG.replace("stack: host", "stack: requirements.txt"))
    mono.commit()
    mono.write("shared/shared.py", "X = 1\n")
    report = SmallProject(mono.folder / "service").report()
    found = comparison(only(report), "accuracy")
    assert (1.0, Verdict.FAIL) == (found.baseline, found.verdict)
    assert not any("same files" in note for note in report.notes)


SMOKE = """\
import json
import os
import urllib.request


def test_it_predicts():
    request = urllib.request.Request(os.environ["DEPLOYED_MODEL_URL"] + "/predict", data=json.dumps({"x": 3}).encode())
    prediction = json.load(urllib.request.urlopen(request))["prediction"]
    with open(os.environ["STORE_METRICS_PATH"], "w") as file:
        json.dump({"average_error": abs(prediction - 3)}, file)
    assert prediction < 5
"""


@pytest.mark.parametrize(("expected", "bias"), [(Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.FAIL, 9)])
def test_tests_alone_can_judge(tmp_path: Path, expected: Verdict, bias: int) -> None:
    """Without requests the tests are the gates, and so is a figure that they store if it has a limit."""
    config = CONFIG[: CONFIG.index("requests:")] + CONFIG[CONFIG.index("deployments:") :]
    config += "    tests: [{pytest: smoke, stack: cell}]\n    metrics: {average_error: {from: tests, direction: lower, limit: 0.5}}\n"
    project = make_project(tmp_path / "p", config=config)
    project.write("smoke/test_api.py", SMOKE)
    project.write("model.json", {"bias": bias})
    outcome = project.run()
    deployment = only(outcome.report)
    assert (expected, float(bias)) == (outcome.report.verdict, comparison(deployment, "average_error").candidate)
    (test,) = cell(deployment, Role.CANDIDATE).result.tests
    assert test.passed is (bias < 2)
    assert test.junit is not None
    assert (outcome.paths.json.parent / test.junit).exists()
