"""Registered versions come with the code of their commits, and their files are what changed on the axis of the model."""

from datetime import UTC, datetime
from typing import Any

from seatrial.records import Actor, Artifact, Axis, Change, Lineage, ModelVersion, Version
from seatrial.trial.change.find import Laid, change_between
from seatrial.trial.change.registered import find_code
from seatrial.trial.change.versions import choose_candidate
from tests.change.repositories import Work, pointer

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
YAML = {"seatrial.yaml": "name: x\n"}


def registered(number: int = 1, **lineage: Any) -> ModelVersion:
    """A version of a model."""
    return ModelVersion(
        model="m",
        number=number,
        artifact=Artifact(digest=OLD, name="m.bin"),
        stage="Staging",
        creator=Actor(name="ada"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
        lineage=Lineage(**lineage),
    )


def today(work: Work) -> Version:
    """The project as it is."""
    return choose_candidate(work.repository(), None).version


def between(work: Work, before: str, after: str, *digests: str | None, path: str = "models/m.bin") -> Change:
    """The change between two commits in which these artifacts are laid."""
    versions = [
        Version(name=name, tree=work.git("rev-parse", f"{commit}^{{tree}}"), commit=commit)
        for name, commit in (("baseline", before), ("candidate", after))
    ]
    old, new = (None if digest is None else Laid(path, digest) for digest in digests)
    assert new is not None
    return change_between(work.repository(), versions[0], versions[1], laid=(old, new))


def files(change: Change) -> dict[str, tuple[str, str]]:
    """The changed files: path to (status, axis)."""
    return {each.path: (each.status, each.axis.value) for axis in change.axes for each in axis.files}


def test_a_version_has_the_tree_of_its_commit(work: Work) -> None:
    """And says so in the registry's words."""
    commit = work.commit(YAML)
    work.commit({"app.py": "two\n"})
    found = find_code(work.repository(), registered(commit=commit), name="candidate", today=today(work))
    assert (commit, work.git("rev-parse", f"{commit}^{{tree}}")) == (found.version.commit, found.version.tree)
    assert ("m@1 (Staging)", "m@1") == (found.version.described, found.version.registered)
    assert found.notes == (f"m@1 runs in the code of {commit[:7]}, which it was registered with",)


def test_the_configuration_is_looked_for_in_the_projects_folder(work: Work) -> None:
    """A commit in which the project lay elsewhere is no use."""
    commit = work.commit(YAML)
    work.commit({"service/seatrial.yaml": "name: x\n"})
    found = find_code(work.repository("service"), registered(commit=commit), name="candidate", today=today(work))
    assert today(work).tree == found.version.tree
    assert f"its commit {commit[:7]} has no seatrial.yaml" in found.notes[0]


def test_a_branch_that_looks_like_a_commit_is_none(work: Work) -> None:
    """It moves, and a commit doesn't."""
    work.commit(YAML)
    work.git("branch", "deadbeef")
    found = find_code(work.repository(), registered(commit="deadbeef"), name="candidate", today=today(work))
    assert "its commit deadbee is not in this clone" in found.notes[0]


def test_a_cut_off_history_is_named_as_the_reason(work: Work, tmp_path: Any) -> None:
    """With how to get the rest."""
    first = work.commit(YAML)
    work.commit({"app.py": "two\n"})
    Work(tmp_path).git("clone", "--quiet", "--depth", "1", f"file://{work.folder}", "shallow")
    shallow = Work(tmp_path / "shallow")
    found = find_code(shallow.repository(), registered(commit=first), name="candidate", today=today(shallow))
    assert "fetch-depth: 0" in found.notes[0]


def test_registered_files_are_on_the_axis_of_the_model(work: Work) -> None:
    """Wherever they lie, and whatever git has there in either commit."""
    first = work.commit(YAML | {"data/weights.csv": "what git has"})
    second = work.commit({"data/weights.csv": "something else", "app.py": "two\n"})
    change = between(work, first, second, OLD, NEW, path="data/weights.csv")
    assert {"data/weights.csv": ("modified", "model"), "app.py": ("modified", "code")} == files(change)
    (file,) = (file for axis in change.axes for file in axis.files if axis.axis is Axis.MODEL)
    assert (OLD, NEW) == (file.baseline_digest, file.candidate_digest)


def test_the_same_artifact_is_no_change_whatever_git_has_there(work: Work) -> None:
    """Git's file is replaced in both."""
    first = work.commit(YAML)
    second = work.commit({"models/m.bin": "trained again"})
    change = between(work, first, second, OLD, OLD)
    assert {} == files(change)
    assert any("have the same files" in note for note in change.notes)


def test_another_artifact_in_the_same_commit_is_a_change(work: Work) -> None:
    """Although the trees are the same."""
    commit = work.commit(YAML)
    change = between(work, commit, commit, OLD, NEW)
    assert {"models/m.bin": ("modified", "model")} == files(change)
    assert () == change.notes
    (axis,) = change.axes
    assert ("a" * 64, "b" * 64) == (axis.baseline_version, axis.candidate_version)


def test_files_below_a_registered_folder_are_replaced_by_it(work: Work) -> None:
    """They are not in the trial, so they are not listed."""
    first = work.commit(YAML | {"models/m/one": "1", "models/m/two": "2"})
    second = work.commit({"models/m/one": "other", "models/other": "3"})
    change = between(work, first, second, OLD, NEW, path="models/m")
    assert {"models/m": ("modified", "model"), "models/other": ("added", "model")} == files(change)


def test_a_dvc_target_is_replaced_by_the_registered_file(work: Work) -> None:
    """Its pointer's md5 says nothing of what is tried."""
    first = work.commit(YAML | {"models/big.bin.dvc": pointer("1" * 32, "big.bin")})
    second = work.commit({"models/big.bin.dvc": pointer("2" * 32, "big.bin")})
    change = between(work, first, second, OLD, NEW, path="models/big.bin")
    assert {"models/big.bin": ("modified", "model")} == files(change)


def test_without_a_baseline_the_model_is_new(work: Work) -> None:
    """Nothing else is said to have changed."""
    commit = work.commit(YAML)
    candidate = Version(name="candidate", tree=work.git("rev-parse", f"{commit}^{{tree}}"))
    change = change_between(
        work.repository(), Version(name="baseline"), candidate, laid=(None, Laid("models/m.bin", NEW))
    )
    assert {"models/m.bin": ("added", "model")} == files(change)
    assert [("none", "b" * 64)] == [(axis.baseline_version, axis.candidate_version) for axis in change.axes]
