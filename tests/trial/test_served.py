"""A model server's own word on what it serves, held against what was registered."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from seatrial.records import Actor, Artifact, ModelVersion, PermanentError, UsageError
from seatrial.trial.build.lay import Layer
from seatrial.trial.served import check_served

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def check(project: Path, digest: str, source: str, **answers: Any) -> None:
    """Ask a server that says that it serves `source`."""
    said: Mapping[str, Any] = {
        "/openapi.json": {"info": {"title": "wine model"}},
        "/v2/models/wine%20model": {"name": "wine model", "seatrial": {"digest": digest, "source": source}},
    } | answers
    artifact = Artifact(digest=DIGEST, name="wine", folder=True)
    version = ModelVersion(
        model="wine",
        number=3,
        artifact=artifact,
        stage="Staging",
        creator=Actor(name="ada"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )

    def answer(request: httpx.Request) -> httpx.Response:
        found = said.get(request.url.raw_path.decode())
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        check_served("http://h", Layer(version=version, path=project / "x", place="models/wine"), project, http)


@pytest.mark.parametrize(
    ("digest", "source"),
    [
        (DIGEST, "models/wine"),
        (DIGEST, "a copy of it"),
        (OTHER, "models/wine/forest.joblib"),
        (OTHER, "./models/../models/wine"),
        (OTHER, "service:Recommender"),
    ],
)
def test_the_registered_version_is_served(tmp_path: Path, digest: str, source: str) -> None:
    """By its digest, as a part of its folder, or by a class whose files nobody can tell."""
    check(tmp_path, digest, source)


@pytest.mark.parametrize("source", ["models/wine.joblib", "models", "../models/wine", "/models/wine"])
def test_another_file_is_served(tmp_path: Path, source: str) -> None:
    """The message has both digests and what to do."""
    with pytest.raises(UsageError, match=f"serves {source} \\({OTHER}\\) and not wine@3 \\({DIGEST}\\)") as caught:
        check(tmp_path, OTHER, source)
    assert "`serve:`" in caught.value.remedy


@pytest.mark.parametrize("answer", [None, {"info": {}}, []])
def test_a_server_that_does_not_say_is_not_trusted(tmp_path: Path, answer: Any) -> None:
    """What isn't known never passes."""
    with pytest.raises(PermanentError, match="doesn't say which model it serves"):
        check(tmp_path, DIGEST, "models/wine", **{"/openapi.json": answer})
