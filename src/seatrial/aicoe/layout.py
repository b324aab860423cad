"""The results of a trial as the AICoE pipeline stores them: which object holds what.

    data/<namespace>/deployment-metrics/<org/repo>/<pr>/
    ├── <overlay>/processed_metrics   one deployment's results
    └── aggregated_metrics            those of all of them, each section a list

That pipeline's aggregation mixed the rows of all pull requests. Here it is made from the objects of one pull request, and
of those only what is of the same commit: what an overlay showed earlier, or one that is no longer there, has no place in it.
It is a function of what is stored, so that two runs at once lose nothing: whoever writes it looks whether anything
changed meanwhile, and makes it anew.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from seatrial.aicoe.gathered import Facts, Row, rows
from seatrial.ports import Objects
from seatrial.records import Report, TemporaryError, UsageError
from seatrial.wording.keys import key_part

_PROCESSED: Final = "processed_metrics"
_AGGREGATED: Final = "aggregated_metrics"
_INFO: Final = "info_metrics"
_METRICS: Final = "model_application_metrics"
_PLATFORM: Final = "platform_metrics"
_VERSION: Final = "model_version"
_TEST_URL: Final = "test URL"
_NAMESPACE: Final = "namespace deployment"
_ATTEMPTS: Final = 50
_BLOB: Final = re.compile(r"/blob/([^/]+)/")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The keys of one pull request's results.

    Attributes:
        namespace: as everything here, any text at all: what a key can't hold is percent-encoded.
        repository: `owner/name`, of a group `group/subgroup/name`.
        number: of the pull request.
    """

    namespace: str
    repository: str
    number: int

    @property
    def folder(self) -> str:
        """Above everything that is stored of the pull request."""
        parts = [key_part(part) for part in self.repository.split("/") if part]
        return "/".join(["data", key_part(self.namespace), "deployment-metrics", *parts, str(self.number)])

    @property
    def aggregated(self) -> str:
        """The key of all deployments' results."""
        return f"{self.folder}/{_AGGREGATED}"

    def processed(self, deployment: str) -> str:
        """The key of one deployment's results."""
        return f"{self.folder}/{_overlay_part(deployment)}/{_PROCESSED}"

    def is_processed(self, key: str) -> bool:
        """Whether a key is that of some deployment's results."""
        overlay, _, name = key.removeprefix(f"{self.folder}/").partition("/")
        return bool(overlay) and name == _PROCESSED and key.startswith(f"{self.folder}/")


def _overlay_part(deployment: str) -> str:
    """An overlay of that name must not stand in the way of the aggregated results."""
    return key_part(deployment) if deployment != _AGGREGATED else f"%61{_AGGREGATED[1:]}"


def store_results(report: Report, objects: Objects, facts: Facts) -> tuple[str, ...]:
    """Store what a trial found of each deployment, and all of them together; the keys, the aggregated one last.

    Raises:
        UsageError: the repository or the pull request isn't known.
        TemporaryError: the store does not answer, or others write without a pause.
        PermanentError: the store can't be written.
    """
    if facts.number is None or not facts.repository.strip("/"):
        raise UsageError(
            "results are stored by repository and pull request, and nothing tells which these are",
            where="aicoe",
            remedy="set REPO_URL, and PIPELINE_HELPERS_PR_FILE_PATH or what your CI system sets",
        )
    place = Place(namespace=facts.namespace, repository=facts.repository, number=facts.number)
    own = {place.processed(row.deployment): encoded(processed(row)) for row in rows(report, facts)}
    for key, data in own.items():
        objects.put(key, data)
    if not own:
        return ()
    _aggregate(objects, place, own)
    return (*own, place.aggregated)


def processed(row: Row) -> Document:
    """One deployment's results, as `processed_metrics` holds them; `failure` only where it failed."""
    info = {_TEST_URL: row.test_url, _NAMESPACE: row.namespace, **({"failure": row.failure} if row.failure else {})}
    return {
        _VERSION: row.model_version,
        _INFO: info,
        _METRICS: {**row.metrics, _VERSION: row.model_version},
        _PLATFORM: {"CPU max usage": row.cpu, "Memory max usage": row.memory},
    }


def aggregated(documents: Sequence[Document]) -> Document:
    """Several deployments' results together: each section a list, with what tells whose each line is."""
    return {
        _INFO: [{**each[_INFO], _VERSION: each[_VERSION]} for each in documents],
        _METRICS: [
            {**each[_METRICS], **{name: each[_INFO].get(name, "") for name in (_NAMESPACE, _TEST_URL)}}
            for each in documents
        ],
        _PLATFORM: [{**each[_PLATFORM], _VERSION: each[_VERSION]} for each in documents],
        _VERSION: [each[_VERSION] for each in documents],
    }


def encoded(document: Document) -> bytes:
    """A document as it is stored: sorted keys, two spaces, ASCII."""
    return json.dumps(document, sort_keys=True, indent=2, allow_nan=False).encode("ascii")


def _aggregate(objects: Objects, place: Place, own: Mapping[str, bytes]) -> None:
    for _ in range(_ATTEMPTS):
        there = objects.get(place.aggregated)
        before = _stored(objects, place)
        data = encoded(aggregated(_of_one_commit(before, own)))
        written = objects.replace(place.aggregated, data, instead=there.stamp if there else None)
        # Looked at again, because some servers write whatever the condition says.
        if written and _stored(objects, place) == before:
            return
    raise TemporaryError(
        "others change the results of this pull request without a pause",
        where=place.aggregated,
        remedy="run again; every deployment's own results are stored",
    )


def _stored(objects: Objects, place: Place) -> dict[str, bytes]:
    """The results of every deployment, as they are now."""
    keys = [key for key in objects.keys(place.folder) if place.is_processed(key)]
    found = {key: objects.get(key) for key in keys}
    return {key: each.data for key, each in found.items() if each is not None}


def _of_one_commit(stored: Mapping[str, bytes], own: Mapping[str, bytes]) -> list[Document]:
    """Those that belong with ours; where another run has replaced some of ours, those that belong with them."""
    replaced = [stored[key] for key, data in own.items() if stored.get(key, data) != data]
    commits = {_commit(found) for data in replaced or own.values() if (found := _decoded(data)) is not None}
    documents = [found for data in stored.values() if (found := _decoded(data)) is not None]
    return [each for each in documents if _commit(each) in commits]


def _commit(document: Document) -> str:
    """Of which commit it is, by the address of its tests; the whole address where that names none."""
    address = str(document[_INFO].get(_TEST_URL, ""))
    found = _BLOB.search(address)
    return found[1] if found else address


def _decoded(data: bytes) -> Document | None:
    """A document; None for what somebody else put there that is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    sections = (_INFO, _METRICS, _PLATFORM)
    good = isinstance(found, dict) and isinstance(found.get(_VERSION), str)
    return found if good and all(isinstance(found.get(name), dict) for name in sections) else None
