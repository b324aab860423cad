"""What differs between two versions."""

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.records import Artifact, Lineage, ModelVersion, PermanentError
from seatrial.records.serving import Field, Form, Kind, Signature, Tensor
from seatrial.registry.artifacts import keep_artifact
from seatrial.registry.diff import Difference, diff_versions, files_of_artifact
from seatrial.testing import MemoryStore
from tests.registry.registering import ADA, NOON

SIGNATURE = Signature(form=Form.COLUMNS, fields=(Field(name="pH", minimum=0.0), Field(name="alcohol")), example=[3, 9])
FIRST = ModelVersion(
    model="wine",
    number=1,
    artifact=Artifact(digest="sha256:1", name="wine.joblib", size=10),
    stage="None",
    creator=ADA,
    created=NOON,
    lineage=Lineage(commit="c0ffee", data="md5:1"),
    flavour="sklearn",
    signature=SIGNATURE,
    metrics={"accuracy": 0.9, "auc": 0.8},
    tags={"team": "wine"},
)
SECOND = replace(FIRST, number=2)


def test_versions_that_differ_in_number_and_author_alone_don_t_differ() -> None:
    """Those always do; an example isn't what a model takes."""
    other = replace(SECOND, creator=replace(ADA, name="bob"), signature=replace(SIGNATURE, example=[4, 8]))

    assert () == diff_versions(FIRST, other).differences


def test_every_part_is_compared() -> None:
    """With what it was and what it is; None where it is not there."""
    other = replace(
        SECOND,
        artifact=replace(FIRST.artifact, digest="sha256:2", size=12),
        lineage=Lineage(commit="c0ffee", data="md5:2", parent=1),
        metrics={"accuracy": 0.95, "loss": 0.1},
        tags={},
        stage="Staging",
        description="wider",
    )

    found = diff_versions(FIRST, other)

    assert ("wine@1", "wine@2") == (found.first, found.second)
    assert [
        Difference(part="artifact", name="digest", before="sha256:1", after="sha256:2"),
        Difference(part="artifact", name="size", before=10, after=12),
        Difference(part="metrics", name="accuracy", before=0.9, after=0.95),
        Difference(part="metrics", name="auc", before=0.8),
        Difference(part="metrics", name="loss", after=0.1),
        Difference(part="tags", name="team", before="wine"),
        Difference(part="lineage", name="data", before="md5:1", after="md5:2"),
        Difference(part="lineage", name="parent", after=1),
        Difference(part="version", name="stage", before="None", after="Staging"),
        Difference(part="version", name="description", after="wider"),
    ] == list(found.differences)


def of(signature: Signature | None) -> list[Difference]:
    """What differs from the first version in a version with this signature."""
    return list(diff_versions(FIRST, replace(SECOND, signature=signature)).differences)


def test_columns_are_compared_one_by_one() -> None:
    """Added, removed, changed."""
    fields = (Field(name="pH", minimum=0.0, maximum=14.0), Field(name="density", kind=Kind.INTEGER, dtype="int64"))

    assert [
        Difference(
            part="signature",
            name="pH",
            before={"kind": "number", "dtype": "float64", "minimum": 0.0},
            after={"kind": "number", "dtype": "float64", "minimum": 0.0, "maximum": 14.0},
        ),
        Difference(part="signature", name="alcohol", before={"kind": "number", "dtype": "float64"}),
        Difference(part="signature", name="density", after={"kind": "integer", "dtype": "int64"}),
    ] == of(replace(SIGNATURE, fields=fields))


def test_another_order_of_the_columns_is_told() -> None:
    """Callers who send rows without names depend on it; new columns between don't count."""
    assert [] == [
        each for each in of(replace(SIGNATURE, fields=(*SIGNATURE.fields, Field(name="x")))) if "order" in each.name
    ]
    assert [
        Difference(part="signature", name="order of columns", before=["pH", "alcohol"], after=["alcohol", "pH"])
    ] == of(replace(SIGNATURE, fields=SIGNATURE.fields[::-1]))


def test_tensors_and_answers_are_compared() -> None:
    """Of a network; and a version without a signature against one with."""
    network = Signature(
        form=Form.TENSORS,
        tensors=(Tensor(name="image", dtype="float32", shape=(None, 8, 8)),),
        outputs=(Tensor(name="digit", dtype="int64", shape=(None,)),),
        classes=(0, 1),
    )

    assert {"pH", "alcohol", "image (tensor)", "digit (output)", "classes", "form"} == {
        each.name for each in of(network)
    }
    assert {"pH", "alcohol", "form", "named", "output"} == {each.name for each in of(None)}


def test_files_of_a_folder_are_compared(tmp_path: Path) -> None:
    """By name and digest; of a file, the file itself."""
    store = MemoryStore()
    for name, files in {"one": {"a": "1", "b": "2"}, "two": {"a": "1", "b": "3", "c": "4"}}.items():
        (tmp_path / name / "model").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / "model" / file).write_text(text)
    first = replace(FIRST, artifact=keep_artifact(tmp_path / "one" / "model", store))
    second = replace(SECOND, artifact=keep_artifact(tmp_path / "two" / "model", store))
    before, after = files_of_artifact(first.artifact, store), files_of_artifact(second.artifact, store)

    assert before is not None
    assert after is not None
    found = diff_versions(first, second, (before, after)).differences
    assert [("b", store.put(b"2"), store.put(b"3")), ("c", None, store.put(b"4"))] == [
        (each.name, each.before, each.after) for each in found if each.part == "files"
    ]
    assert {"wine.joblib": "sha256:1"} == files_of_artifact(FIRST.artifact, store)


def test_files_are_not_known_where_the_store_has_no_listing() -> None:
    """A registry elsewhere keeps them itself."""
    assert files_of_artifact(Artifact(digest="sha256:" + "1" * 64, name="wine", folder=True), MemoryStore()) is None


def test_a_forged_listing_is_an_error() -> None:
    """And not a difference."""
    store = MemoryStore()

    with pytest.raises(PermanentError, match="no listing"):
        files_of_artifact(Artifact(digest=store.put(b"what"), name="wine", folder=True), store)
