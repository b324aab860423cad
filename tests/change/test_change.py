"""A change is two versions and the files between them, by axis, each axis with its version."""

import pytest

from seatrial.records import Axis, AxisChange, Change, FileChange
from seatrial.trial.change.find import find_change
from tests.change.repositories import Work, lock, pointer


def files(change: Change) -> dict[str, tuple[str, str]]:
    """The changed files: path to (status, axis)."""
    return {each.path: (each.status, each.axis.value) for axis in change.axes for each in axis.files}


def versions(change: Change, axis: Axis) -> tuple[str, str]:
    """Both versions of an axis."""
    return next((each.baseline_version, each.candidate_version) for each in change.axes if each.axis is axis)


def test_files_are_sorted_into_axes(work: Work) -> None:
    """Each changed file has its status and axis; axes come in a fixed order and only where something changed."""
    work.write({"app.py": "two\n", "data/train.csv": None, "requirements.txt": "numpy>=2\n", "README.md": "r"})
    change = find_change(work.repository())
    expected = {
        "app.py": ("modified", "code"),
        "data/train.csv": ("removed", "data"),
        "requirements.txt": ("modified", "stack"),
        "README.md": ("added", "other"),
    }
    assert expected == files(change)
    assert [Axis.CODE, Axis.DATA, Axis.STACK, Axis.OTHER] == [each.axis for each in change.axes]
    assert (Axis.CODE, Axis.DATA, Axis.STACK) == change.changed_axes


def test_digests_are_gits(work: Work) -> None:
    """A file's digests are the ids of its contents in git."""
    work.write({"app.py": "two\n"})
    change = find_change(work.repository())
    before, after = work.git("rev-parse", "HEAD:app.py"), work.git("hash-object", "app.py")
    expected = FileChange(
        path="app.py", status="modified", axis=Axis.CODE, baseline_digest=before, candidate_digest=after
    )
    assert ((expected,),) == tuple(each.files for each in change.axes)


def test_configured_axes_count(work: Work) -> None:
    """The configuration's patterns sort before the defaults do."""
    work.write({"app.py": "two\n"})
    assert {"app.py": ("modified", "model")} == files(find_change(work.repository(), axes={Axis.MODEL: ("app.py",)}))


def test_version_identifies_the_whole_axis(work: Work) -> None:
    """The same state has the same version, whichever change led there; an axis without files is `none`."""
    work.commit({"data/more.csv": "x"})
    first = find_change(work.repository(), base="HEAD~1", head="HEAD")
    work.commit({"data/train.csv": "other\n"})
    second = find_change(work.repository(), base="HEAD~1", head="HEAD")
    back = find_change(work.repository(), base="HEAD", head="HEAD~1")
    assert versions(first, Axis.DATA)[1] == versions(second, Axis.DATA)[0] == versions(back, Axis.DATA)[1]
    assert 3 == len({*versions(first, Axis.DATA), *versions(second, Axis.DATA)})
    work.commit({"docs/a.txt": "x"})
    assert "none" == versions(find_change(work.repository()), Axis.OTHER)[0]


def test_change_of_mode_is_a_change(work: Work) -> None:
    """A file that became executable has the same contents and another version."""
    (work.folder / "app.py").chmod(0o755)
    change = find_change(work.repository())
    (found,) = change.axes[0].files
    assert ("modified", found.baseline_digest) == (found.status, found.candidate_digest)
    assert change.axes[0].baseline_version != change.axes[0].candidate_version


def test_odd_names_are_listed_fit_for_people(work: Work) -> None:
    """Line ends and unicode stay; bytes that are no text are escaped, so that the record can be written as JSON."""
    odd = b"caf\xe9 \n.py".decode("utf-8", "surrogateescape")
    work.write({odd: "1", "größe.py": "2"})
    assert {"caf\\xe9 \n.py", "größe.py"} == set(files(find_change(work.repository())))


def test_only_the_project_is_listed(work: Work) -> None:
    """Paths count from the project; what changed elsewhere in the repository is counted in a note."""
    work.commit({"examples/digits/app.py": "1", "examples/digits/data/x.csv": "1", "examples/digits2/app.py": "1"})
    work.write({"examples/digits/app.py": "2", "app.py": "2", "examples/digits2/app.py": "2"})
    change = find_change(work.repository("examples/digits"))
    assert ("examples/digits", {"app.py": ("modified", "code")}) == (change.project, files(change))
    assert "2 changed files outside examples/digits left out of the list" in change.notes


def test_project_that_is_new_is_all_added(work: Work) -> None:
    """A project that the baseline doesn't have yet is no error here."""
    work.write({"examples/digits/app.py": "1"})
    assert {"app.py": ("added", "code")} == files(find_change(work.repository("examples/digits")))


def test_nothing_changed_is_noted(work: Work) -> None:
    """Two equal versions can be compared, and it is said that they are equal."""
    change = find_change(work.repository(), base="HEAD", head="HEAD")
    assert ((), True) == (change.axes, any("same files" in note for note in change.notes))


def test_running_baseline_has_no_files(work: Work) -> None:
    """Against a URL no files are listed, and the notes say why."""
    change = find_change(work.repository(), base="https://models.example.org/digits")
    assert ((), None, True) == (change.axes, change.baseline.tree, "not known" in change.notes[0])


def test_overlay_is_the_baseline(work: Work) -> None:
    """With an overlay the baseline is the candidate with the overlay's files, and only those differ."""
    work.commit({"baseline/app.py": "old\n"})
    change = find_change(work.repository(), overlay="baseline")
    assert {"app.py": ("modified", "code")} == files(change)


def test_own_folder_is_never_a_change(work: Work) -> None:
    """A committed `.seatrial` folder that changed is not listed."""
    work.commit({".seatrial/journal": "1"})
    work.commit({".seatrial/journal": "2", "app.py": "two\n"})
    assert ["app.py"] == list(files(find_change(work.repository())))


def test_submodule_counts_by_its_commit(work: Work) -> None:
    """A submodule is one path, and its commit is its digest."""
    ids = ["1" * 40, "2" * 40]
    for oid in ids:
        work.git("update-index", "--add", "--cacheinfo", f"160000,{oid},libs/lib")
        work.git("commit", "--quiet", "--message", "library")
    ((found,),) = (each.files for each in find_change(work.repository(), head="HEAD").axes)
    assert ("libs/lib", Axis.CODE, *ids) == (found.path, found.axis, found.baseline_digest, found.candidate_digest)


def test_pointer_counts_for_what_it_points_to(work: Work) -> None:
    """A DVC pointer is listed as its target with the md5s, and the md5 is the version of an axis that is all in it."""
    work.commit({"data/train.csv": None, "data/big.bin.dvc": pointer("a1", "big.bin"), "data/.gitignore": "/big.bin\n"})
    work.write({"data/big.bin.dvc": pointer("b2", "big.bin")})
    change = find_change(work.repository())
    found = FileChange(
        path="data/big.bin", status="modified", axis=Axis.DATA, baseline_digest="a1", candidate_digest="b2"
    )
    assert (AxisChange(axis=Axis.DATA, files=(found,), baseline_version="a1", candidate_version="b2"),) == change.axes


def test_version_of_an_axis_with_more_than_a_pointer_covers_all(work: Work) -> None:
    """Beside other files the md5 alone would not tell two states apart."""
    work.commit({"data/big.bin.dvc": pointer("a1", "big.bin")})
    work.write({"data/big.bin.dvc": pointer("b2", "big.bin")})
    before, after = versions(find_change(work.repository()), Axis.DATA)
    assert (12, 12, True) == (len(before), len(after), before != after)


@pytest.mark.parametrize(("name", "axis"), [("data", Axis.DATA), ("models", Axis.MODEL), ("prepared", Axis.DATA)])
def test_pointer_to_a_folder_has_its_axis(empty: Work, name: str, axis: Axis) -> None:
    """A folder kept by DVC belongs to the axis of its contents; what no pattern places is data."""
    empty.commit({f"{name}.dvc": pointer("a1.dir", name)})
    empty.write({f"{name}.dvc": pointer("b2.dir", name)})
    change = find_change(empty.repository())
    assert ((axis,), ("a1.dir", "b2.dir")) == (change.changed_axes, versions(change, axis))


def test_pointer_that_moved_changes_nothing(empty: Work) -> None:
    """A pointer rewritten without another md5 is listed as a file that moves no metric."""
    empty.commit({"data.dvc": pointer("a1.dir", "data")})
    empty.write({"data.dvc": "# a comment\n" + pointer("a1.dir", "data")})
    change = find_change(empty.repository())
    assert ({"data.dvc": ("modified", "other")}, ()) == (files(change), change.changed_axes)


def test_file_that_went_from_git_to_dvc_is_modified(work: Work) -> None:
    """The path is the same, only who keeps it changed."""
    work.write({"data/train.csv": None, "data/train.csv.dvc": pointer("a1", "train.csv")})
    change = find_change(work.repository())
    assert {"data/train.csv": ("modified", "data")} == files(change)


def test_lock_lists_only_what_changed(work: Work) -> None:
    """Of `dvc.lock` the entries with another md5 count; files that git keeps count by git."""
    before = lock(("data/prepared", "a1.dir"), ("models/model.pkl", "m1"), ("app.py", "c1"))
    after = lock(("data/prepared", "a1.dir"), ("models/model.pkl", "m2"), ("app.py", "c2"))
    work.commit({"models/m.bin": None, "dvc.lock": before})
    work.write({"dvc.lock": after})
    change = find_change(work.repository())
    assert {"models/model.pkl": ("modified", "model")} == files(change)
    assert ("m1", "m2") == versions(change, Axis.MODEL)


def test_lock_with_another_command_only_moves_no_metric(work: Work) -> None:
    """A lock whose outputs are the same is a file of the other axis."""
    work.commit({"dvc.lock": lock(("models/model.pkl", "m1"))})
    work.write({"dvc.lock": lock(("models/model.pkl", "m1"), command="python train.py --verbose")})
    assert {"dvc.lock": ("modified", "other")} == files(find_change(work.repository()))


def test_lock_that_speaks_for_several_axes_is_noted(work: Work) -> None:
    """Attribution can't take one file apart, and the note says so."""
    work.commit({"dvc.lock": lock(("data/prepared", "a1.dir"), ("models/model.pkl", "m1"))})
    work.write({"dvc.lock": lock(("data/prepared", "a2.dir"), ("models/model.pkl", "m2"))})
    change = find_change(work.repository())
    assert (Axis.DATA, Axis.MODEL) == change.changed_axes
    assert "dvc.lock speaks for data and model together, so attribution can't move them one by one" in change.notes


def test_malformed_pointer_is_an_ordinary_file_with_a_note(work: Work) -> None:
    """A pointer in the middle of a merge conflict doesn't stop the trial."""
    work.write({"notes.dvc": "<<<<<<< HEAD\nouts:\n"})
    change = find_change(work.repository())
    assert {"notes.dvc": ("added", "code")} == files(change)
    assert any(note.startswith("notes.dvc is taken as an ordinary file: it is no YAML") for note in change.notes)
