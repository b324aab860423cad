"""`seatrial.yaml` is read with every default filled in, and every mistake in it is explained."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.config import load_project, read_project
from seatrial.records import DeploymentSpec, Direction, Family, MetricSpec, Project, UsageError

SMALL = """\
requests: {file: requests.jsonl, label: label}
deployments:
  forest:
    run: uvicorn app:app --port $PORT
"""


def read(text: str) -> Project:
    """Read as the trial does."""
    return read_project(text, where="seatrial.yaml", default_name="my project")


def complaint(text: str) -> str:
    """The error for a wrong file."""
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.remedy
    return str(caught.value)


def deployment(text: str, name: str = "forest") -> DeploymentSpec:
    """One deployment of a file."""
    return next(found for found in read(text).deployments if found.name == name)


def metric(text: str, name: str) -> MetricSpec:
    """One metric of the deployment."""
    return next(found for found in deployment(text).metrics if found.name == name)


def test_a_small_file_is_enough() -> None:
    """A requests file and a command are a whole configuration."""
    project = read(SMALL)
    assert "my-project" == project.name
    assert ("forest",) == tuple(found.name for found in project.deployments)


def test_built_in_metrics_gate_by_default() -> None:
    """Median and 90th percentile latency and errors have margins unless the file says otherwise."""
    gated = {found.name for found in deployment(SMALL).metrics if found.gate}
    assert {"latency_p50", "latency_p90", "errors"} == gated


def test_without_requests_nothing_is_gated_that_was_not_named() -> None:
    """A deployment that only tests look at has no latency to judge, unless it is asked for."""
    text = "tests: [{pytest: smoke}]\ndeployments: {forest: {run: serve, metrics: {errors: {margin: 1pp}}}}\n"
    assert ["errors"] == [found.name for found in deployment(text).metrics if found.gate]


def test_a_deployment_overrides_shared_keys_one_by_one() -> None:
    """A deployment's own request settings are laid over the shared ones; the rest stays."""
    text = SMALL + "    requests: {rate: 200/s}\n"
    requests = deployment(text).requests
    assert requests is not None
    assert (200.0, "requests.jsonl", "label") == (requests.rate, requests.file, requests.label)


def test_a_model_to_be_served_becomes_the_command_that_serves_it() -> None:
    """`serve` names a model and options; the server is asked at /readyz, unless the file says otherwise."""
    text = "requests: {file: r.jsonl, label: label}\ndeployments: {forest: {serve: models/forest.joblib --engine native}}\n"

    found = deployment(text)

    command = "python -P -m seatrial serve models/forest.joblib --engine native --host 127.0.0.1 --port $PORT"
    assert (command, True, "/readyz") == (found.run, found.served, found.health.path)
    assert "/healthz" == deployment(text.replace("deployments", "health: /healthz\ndeployments")).health.path


def test_environments_merge_by_key() -> None:
    """Shared variables stay unless the deployment sets them; numbers and booleans become text."""
    text = "env: {A: 1, B: shared}\n" + SMALL + "    env: {B: own, C: true}\n"
    assert {"A": "1", "B": "own", "C": "true"} == dict(deployment(text).env)


def test_a_metric_keeps_its_built_in_direction() -> None:
    """Only what the file says of a metric changes."""
    found = metric(SMALL + "    metrics: {latency_p99: {margin: 20%}}\n", "latency_p99")
    assert (Direction.LOWER, 0.2, True, "20%") == (found.direction, found.margin, found.relative, found.margin_text)


def test_a_limit_alone_is_a_gate() -> None:
    """An absolute limit needs no margin."""
    found = metric(SMALL + "    metrics: {memory_peak: {limit: 512Mi}}\n", "memory_peak")
    assert (512 * 2**20, None, True) == (found.limit, found.margin, found.gate)


def test_any_scikit_learn_metric_is_known_by_name() -> None:
    """The direction follows scikit-learn's naming."""
    found = metric(SMALL + "    metrics: {max_error: {}}\n", "max_error")
    assert (Family.MODEL, Direction.LOWER, "max_error") == (found.family, found.direction, found.function)


def test_a_tests_figure_is_declared() -> None:
    """A figure that a test stores is judged once its direction is known."""
    found = metric(
        SMALL + "    metrics: {average_error: {from: tests, direction: lower, margin: 5%}}\n", "average_error"
    )
    assert (Family.TEST, Direction.LOWER, True) == (found.family, found.direction, found.gate)


def test_an_unknown_key_names_its_line_and_the_nearest_key() -> None:
    """`raet` in line 5 is probably `rate`."""
    said = complaint(SMALL + "    requests: {raet: 3/s}\n")
    assert "line 5" in said
    assert "'deployments.forest.requests.raet'" in said
    assert "did you mean 'rate'?" in said


def test_an_unknown_metric_names_the_nearest_one() -> None:
    """`acuracy` is probably `accuracy`."""
    said = complaint(SMALL + "    metrics:\n      acuracy: {margin: 1pp}\n")
    assert "seatrial.yaml:6" in said
    assert "did you mean 'accuracy'?" in said


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("holds no keys", ""),
        ("holds no keys", "- a list\n"),
        ("not YAML", "a: [1, 2\n"),
        ("not YAML", "a: !!python/object:os.system x: y\n"),
        ("duplicate key", "deployments: {}\ndeployments: {}\n"),
        ("neither deployments nor services", "name: x\n"),
        ("neither deployments nor services", "deployments: {}\n"),
        ("exactly one of serve, run and url", "deployments: {a: {tests: []}}\n"),
        ("neither requests nor tests", "deployments: {a: {run: x}}\n"),
        ("requests has no file", "requests: {path: /}\ndeployments: {a: {run: x}}\n"),
        ("not an http:// or https:// URL", "deployments: {a: {url: 'ftp://x'}}\n"),
        ("exactly one of behave, pytest and locust", SMALL + "    tests: [{behave: a, pytest: b}]\n"),
        ("bins must ascend", SMALL + "    requests: {slices: [{column: a, bins: [2, 1]}]}\n"),
        ("'5MB/s' is not a size", SMALL + "    resources: {memory: 5MB/s}\n"),
        ("which way is better", SMALL + "    metrics: {x: {from: tests, margin: 5%}}\n"),
        ("gate without margin", SMALL + "    metrics: {throughput: {gate: true}}\n"),
        ("both base and overlay", "base: main\noverlay: old\n" + SMALL),
        ("confidence", "confidence: 2\n" + SMALL),
    ],
)
def test_mistakes_are_explained(expected: str, text: str) -> None:
    """Each mistake gets a message of its own, and a remedy."""
    assert expected in complaint(text)


def test_aliases_cannot_eat_the_memory() -> None:
    """A `billion laughs` file ends in an error."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join(['*' + a] * 10)}]" for a, b in zip("abcdefg", "bcdefgh", strict=True)]
    assert "aliases" in complaint("\n".join(lines))


def test_a_missing_file_says_where_it_was_sought(tmp_path: Path) -> None:
    """The folder is in the message."""
    with pytest.raises(UsageError, match=r"there is no seatrial\.yaml") as caught:
        load_project(tmp_path)
    assert str(tmp_path) in caught.value.where


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are an error of the user's, not of ours."""
    (tmp_path / "seatrial.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        load_project(tmp_path)


@given(st.text(max_size=200))
def test_any_text_is_a_project_or_a_usage_error(text: str) -> None:
    """No file makes the reader break in another way."""
    try:
        read(text)
    except UsageError as error:
        assert error.what  # noqa: PT017 - either outcome is fine, a third is not


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,10}", fullmatch=True)


@given(st.dictionaries(NAMES, st.floats(min_value=0.5, max_value=1000), min_size=1, max_size=5))
def test_deployments_keep_their_order_and_values(rates: dict[str, float]) -> None:
    """What the file lists is what the project has, in that order."""
    lines = [f'  "{name}": {{run: serve, requests: {{file: r.jsonl, rate: {rate!r}}}}}' for name, rate in rates.items()]
    project = read("deployments:\n" + "\n".join(lines))
    found = [(each.name, each.requests.rate if each.requests else None) for each in project.deployments]
    assert list(rates.items()) == found
