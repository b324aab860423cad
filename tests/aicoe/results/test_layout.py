"""Results where the AICoE ecosystem looks for them: keys and bytes, one pull request at a time, nothing lost by two runs at once."""

import json
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.adapters.objects.directory import DirectoryObjects
from seatrial.adapters.objects.keys import checked
from seatrial.aicoe.gathered import Facts, PodUsage
from seatrial.aicoe.layout import Place, store_results
from seatrial.ports import Objects, StoredObject
from seatrial.records import Report, TemporaryError, UsageError
from seatrial.testing import MemoryObjects
from seatrial.wording.keys import key_part
from tests.aicoe.results.samples import FACTS, SHA, broken, good, of_commit, report

FOLDER = "data/aicoe-ci/deployment-metrics/acme/wine/446"
OTHER_COMMIT = "2" * 40

PROCESSED = """\
{
  "info_metrics": {
    "namespace deployment": "aicoe-ci",
    "test URL": "https://github.com/acme/wine/blob/9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c/features"
  },
  "model_application_metrics": {
    "average_error": 0.02,
    "average_latency": 0.1,
    "average_probability": 0.93,
    "model_version": "pr-446-inference",
    "number_requests": 10000
  },
  "model_version": "pr-446-inference",
  "platform_metrics": {
    "CPU max usage": 0.25,
    "Memory max usage": "384Mi"
  }
}"""

AGGREGATED = """\
{
  "info_metrics": [
    {
      "failure": "failed at start (exit status 1): it ended before it was healthy",
      "model_version": "pr-446-gpu",
      "namespace deployment": "aicoe-ci",
      "test URL": "https://github.com/acme/wine/blob/9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c/features"
    },
    {
      "model_version": "pr-446-inference",
      "namespace deployment": "aicoe-ci",
      "test URL": "https://github.com/acme/wine/blob/9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c/features"
    }
  ],
  "model_application_metrics": [
    {
      "model_version": "pr-446-gpu",
      "namespace deployment": "aicoe-ci",
      "test URL": "https://github.com/acme/wine/blob/9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c/features"
    },
    {
      "average_error": 0.02,
      "average_latency": 0.1,
      "average_probability": 0.93,
      "model_version": "pr-446-inference",
      "namespace deployment": "aicoe-ci",
      "number_requests": 10000,
      "test URL": "https://github.com/acme/wine/blob/9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c/features"
    }
  ],
  "model_version": [
    "pr-446-gpu",
    "pr-446-inference"
  ],
  "platform_metrics": [
    {
      "CPU max usage": "no data: it never ran",
      "Memory max usage": "no data: it never ran",
      "model_version": "pr-446-gpu"
    },
    {
      "CPU max usage": 0.25,
      "Memory max usage": "384Mi",
      "model_version": "pr-446-inference"
    }
  ]
}"""


def versions(objects: Objects, folder: str = FOLDER) -> list[str]:
    """Which rows the aggregated results of a pull request have."""
    found = objects.get(f"{folder}/aggregated_metrics")
    assert found is not None
    document: dict[str, Any] = json.loads(found.data)
    assert document["model_version"] == [row["model_version"] for row in document["platform_metrics"]]
    names: list[str] = document["model_version"]
    return names


def test_what_is_stored_byte_for_byte() -> None:
    """Sorted keys, two spaces, no line break at the end; true Mi; a failed deployment has its lines."""
    objects = MemoryObjects()

    keys = store_results(report(good("inference"), broken("gpu")), objects, FACTS)

    assert (
        f"{FOLDER}/inference/processed_metrics",
        f"{FOLDER}/gpu/processed_metrics",
        f"{FOLDER}/aggregated_metrics",
    ) == keys
    processed, aggregated = objects.get(keys[0]), objects.get(keys[2])
    assert processed is not None
    assert aggregated is not None
    assert processed.data.decode() == PROCESSED
    assert aggregated.data.decode() == AGGREGATED


def test_memory_is_in_mi_of_two_to_the_twenty() -> None:
    """That pipeline divided by a million and wrote Mi."""
    objects = MemoryObjects()
    facts = replace(FACTS, platform={"a": PodUsage(cpu=0.123456, memory=384e6)})

    (key, _) = store_results(report(good("a")), objects, facts)

    found = objects.get(key)
    assert found is not None
    assert {"CPU max usage": 0.1235, "Memory max usage": "366Mi"} == json.loads(found.data)["platform_metrics"]


def test_pull_requests_are_never_mixed() -> None:
    """Neither with others of the repository, nor with those of a repository whose name goes on with the number."""
    objects = MemoryObjects()
    store_results(report(good("a")), objects, replace(FACTS, number=7))
    store_results(report(good("b")), objects, replace(FACTS, number=71))
    store_results(report(good("c")), objects, replace(FACTS, repository="acme/wine/7", number=1))
    store_results(report(good("d")), objects, replace(FACTS, repository="other/wine", number=7))

    store_results(report(good("e")), objects, replace(FACTS, number=7))

    base = "data/aicoe-ci/deployment-metrics"
    assert ["pr-7-a", "pr-7-e"] == versions(objects, f"{base}/acme/wine/7")
    assert ["pr-71-b"] == versions(objects, f"{base}/acme/wine/71")
    assert ["pr-1-c"] == versions(objects, f"{base}/acme/wine/7/1")
    assert ["pr-7-d"] == versions(objects, f"{base}/other/wine/7")


def test_results_of_an_earlier_commit_are_no_rows_of_this_one() -> None:
    """An overlay that was removed since, or was left out, does not show old figures as if they were new."""
    objects = MemoryObjects()
    store_results(of_commit(report(good("a"), good("b")), OTHER_COMMIT), objects, FACTS)

    store_results(report(good("a")), objects, FACTS)

    assert ["pr-446-a"] == versions(objects)
    assert objects.get(f"{FOLDER}/b/processed_metrics") is not None


def test_each_overlay_alone_adds_its_row() -> None:
    """As with one run per deployment; again with the same commit replaces its own row."""
    objects = MemoryObjects()
    for name in ("b", "a", "b"):
        store_results(report(good(name)), objects, FACTS)

    assert ["pr-446-a", "pr-446-b"] == versions(objects)


def test_a_failure_replaces_what_the_overlay_showed_before() -> None:
    """That pipeline went on to show the old row."""
    objects = MemoryObjects()
    store_results(report(good("gpu")), objects, FACTS)

    store_results(report(broken("gpu")), objects, FACTS)

    found = objects.get(f"{FOLDER}/gpu/processed_metrics")
    assert found is not None
    assert {"model_version": "pr-446-gpu"} == json.loads(found.data)["model_application_metrics"]


@pytest.mark.parametrize(
    "junk", [b"", b"[]", b"\xff", b'{"model_version": 1}', b'{"model_version": "x"}', b"[" * 100_000]
)
def test_what_somebody_else_put_there_is_no_row(junk: bytes) -> None:
    """It is left where it is."""
    objects = MemoryObjects()
    objects.put(f"{FOLDER}/odd/processed_metrics", junk)

    store_results(report(good("a")), objects, FACTS)

    assert ["pr-446-a"] == versions(objects)


@pytest.mark.parametrize(
    "facts", [replace(FACTS, number=None), replace(FACTS, repository=""), replace(FACTS, repository="/")]
)
def test_without_a_pull_request_nothing_is_stored(facts: Facts) -> None:
    """The layout has no place for it; the error says what to set."""
    objects = MemoryObjects()

    with pytest.raises(UsageError, match="pull request") as caught:
        store_results(report(good("a")), objects, facts)

    assert "REPO_URL" in caught.value.remedy
    assert [] == objects.keys("data")


class Interrupted:
    """An Objects at whose n-th use somebody else does something first, and then again at each later one while it may."""

    def __init__(self, inner: Objects, at: int, other: Callable[[], object], times: int = 1) -> None:
        self._inner = inner
        self._at = at
        self._other = other
        self._times = times
        self._uses = 0

    def _used(self) -> None:
        self._uses += 1
        if self._uses >= self._at and self._times:
            self._times -= 1
            self._other()

    def get(self, key: str) -> StoredObject | None:
        """As it is after the other."""
        self._used()
        return self._inner.get(key)

    def keys(self, below: str) -> Sequence[str]:
        """As they are after the other."""
        self._used()
        return self._inner.keys(below)

    def put(self, key: str, data: bytes, *, content_type: str = "") -> None:
        """After the other."""
        self._used()
        self._inner.put(key, data, content_type=content_type)

    def replace(self, key: str, data: bytes, *, instead: str | None) -> bool:
        """After the other."""
        self._used()
        return self._inner.replace(key, data, instead=instead)


@given(at=st.integers(1, 20), conditional=st.booleans())
def test_two_runs_at_once_lose_no_row(at: int, *, conditional: bool) -> None:
    """Wherever one of them stops while the other runs, and whether or not the server knows conditions."""
    objects = MemoryObjects(conditional=conditional)
    other = Interrupted(objects, at, lambda: store_results(report(good("b"), broken("c")), objects, FACTS))

    store_results(report(good("a")), other, FACTS)

    if at > 6:
        store_results(report(good("b"), broken("c")), objects, FACTS)
    assert ["pr-446-a", "pr-446-b", "pr-446-c"] == versions(objects)


@given(at=st.integers(1, 12), conditional=st.booleans())
def test_a_run_that_was_overtaken_leaves_the_other_ones_rows(at: int, *, conditional: bool) -> None:
    """Commits are not mixed, and what the later run wrote of all deployments is not replaced by less."""
    objects = MemoryObjects(conditional=conditional)
    newer = report(good("a"), good("b"))
    other = Interrupted(objects, at, lambda: store_results(newer, objects, FACTS))

    store_results(of_commit(report(good("b")), OTHER_COMMIT), other, FACTS)

    found = objects.get(f"{FOLDER}/aggregated_metrics")
    assert found is not None
    addresses = {row["test URL"] for row in json.loads(found.data)["info_metrics"]}
    assert 1 == len(addresses)
    if SHA in addresses.pop() and at > 1:
        assert ["pr-446-a", "pr-446-b"] == versions(objects)


def test_whoever_can_not_get_a_turn_says_so() -> None:
    """Rather than trying for ever."""
    objects = MemoryObjects()
    names = iter(range(10_000))

    def store() -> None:
        objects.put(f"{FOLDER}/aggregated_metrics", b"%d" % next(names))

    with pytest.raises(TemporaryError, match="without a pause"):
        store_results(report(good("a")), Interrupted(objects, 1, store, times=10_000), FACTS)

    assert objects.get(f"{FOLDER}/a/processed_metrics") is not None


def _store_one(folder: Path, name: str, start: Any) -> None:
    start.wait()
    store_results(report(good(name)), DirectoryObjects(folder), FACTS)


def test_processes_at_once_lose_no_row(tmp_path: Path) -> None:
    """Four runs, each of its own deployment, in one folder."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    processes = [context.Process(target=_store_one, args=(tmp_path, name, start)) for name in "abcd"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [0, 0, 0, 0] == [process.exitcode for process in processes]
    assert [f"pr-446-{name}" for name in "abcd"] == versions(DirectoryObjects(tmp_path))


TEXT = st.text(min_size=1, max_size=30) | st.sampled_from(
    ["..", ".", "../../etc", "a/b", "aggregated_metrics", "%2E", "~", "\udc80", "é" * 300]
)


@given(namespace=TEXT, owner=TEXT, name=TEXT, deployment=TEXT)
def test_no_name_leads_out_of_its_place(namespace: str, owner: str, name: str, deployment: str) -> None:
    """Whatever a branch calls its overlay, the key is one, and below the pull request's folder."""
    place = Place(namespace=namespace, repository=f"{owner}/{name}", number=7)

    key = place.processed(deployment)

    assert checked(key) == key
    assert key.startswith(f"{place.folder}/")
    assert place.is_processed(key)
    assert not key.startswith(f"{place.aggregated}/")
    assert 2 == key.removeprefix(f"{place.folder}/").count("/") + 1


@given(one=st.text(max_size=20) | TEXT, other=st.text(max_size=20) | TEXT)
def test_different_names_have_different_places(one: str, other: str) -> None:
    """So that nobody writes over somebody else's results."""
    assert (one == other) == (key_part(one) == key_part(other))


def test_usual_names_stay_as_they_are() -> None:
    """Readers find them where they always were."""
    assert "deep-learning_1.0" == key_part("deep-learning_1.0")
    assert (
        "data/a/deployment-metrics/group/sub/name/7",
        "data/a/deployment-metrics/group/sub/name/7/x/processed_metrics",
    ) == (
        Place(namespace="a", repository="group/sub/name", number=7).folder,
        Place(namespace="a", repository="group/sub/name", number=7).processed("x"),
    )


def test_a_report_of_nothing_stores_nothing() -> None:
    """Nor does it empty what is there."""
    objects = MemoryObjects()
    store_results(report(good("a")), objects, FACTS)
    empty: Report = replace(report(good("a")), deployments=())

    assert () == store_results(empty, objects, FACTS)
    assert ["pr-446-a"] == versions(objects)
