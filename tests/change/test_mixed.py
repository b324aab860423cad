"""Mixed versions hold the baseline's files, and of the chosen axes the candidate's."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import Axis, UsageError
from seatrial.trial.change.axes import sorter
from seatrial.trial.change.find import find_change, mixed_tree, mixed_version
from seatrial.trial.change.git import Difference, Entry
from seatrial.trial.change.trees import edit
from tests.change.repositories import Work, init, lock, pointer

PROJECT = "p"
PATHS = st.sampled_from(
    [
        "app.py",
        "a",
        "a/b.csv",
        "a/b.csv/c.py",
        "data",
        "data/x",
        "models/m",
        "größe \n.csv",
        "requirements.txt",
        "README.md",
    ]
)
POINTERS = st.dictionaries(
    st.sampled_from(["data.dvc", "models/big.dvc", "dvc.lock"]),
    st.sampled_from(
        [pointer("a1", "x"), pointer("b2", "big"), lock(("data/y", "m1"), ("models/z", "m2")), "broken: ["]
    ),
)
FILES = st.dictionaries(PATHS, st.sampled_from(["1", "2"]))


def blocks(path: str, files: Mapping[str, str]) -> bool:
    """Whether `path` can't exist beside the others, because it is a folder of one of them."""
    return any(other.startswith(f"{path}/") for other in files)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository for all examples of a property; each adds two trees to it."""
    return tmp_path_factory.mktemp("mixed") / "work"


def tree_with(work: Work, files: Mapping[str, str]) -> str:
    """A tree with these files, made in git alone."""
    repository = work.repository()
    empty = repository.git.run("mktree").text
    blobs = {
        text: repository.git.run("hash-object", "-w", "--stdin", stdin=text.encode()).text
        for text in set(files.values())
    }
    kept = {path: text for path, text in files.items() if not blocks(path, files)}
    return edit(
        repository, empty, [Difference(path, None, Entry("100644", blobs[text], path)) for path, text in kept.items()]
    )


@settings(max_examples=25, deadline=None)
@given(
    before=st.builds(lambda files, pointers: {**files, **pointers}, FILES, POINTERS),
    after=st.builds(lambda files, pointers: {**files, **pointers}, FILES, POINTERS),
    axes=st.sets(st.sampled_from(Axis)),
)
def test_mixing_all_is_the_candidate_and_mixing_none_the_baseline(
    folder: Path, before: dict[str, str], after: dict[str, str], axes: set[Axis]
) -> None:
    """All axes give the candidate's project in the baseline's surroundings, none give the baseline; others between."""
    work = init(folder)
    work.write({f"{PROJECT}/.keep": ""})
    repository = work.repository(PROJECT)
    baseline = tree_with(work, {"top.py": "1", "p/keep": "k", **{f"p/{path}": text for path, text in before.items()}})
    candidate = tree_with(work, {"top.py": "2", "p/keep": "k", **{f"p/{path}": text for path, text in after.items()}})
    paths = sorter()
    everything = mixed_tree(repository, baseline, candidate, set(Axis), paths)
    wanted, made = repository.git.resolve(f"{candidate}:{PROJECT}", f"{everything}:{PROJECT}")
    assert wanted == made
    assert repository.git.read(baseline, "top.py") == repository.git.read(everything, "top.py")
    assert baseline == mixed_tree(repository, baseline, candidate, set(), paths)
    some = set(work.names(mixed_tree(repository, baseline, candidate, axes, paths)))
    assert some <= set(work.names(baseline)) | set(work.names(candidate))


def contents(work: Work, tree: str | None) -> dict[str, str]:
    """The files of a tree."""
    assert tree is not None
    return {path: work.git("show", f"{tree}:{path}") for path in work.names(tree)}


def test_only_the_chosen_axis_moves(work: Work) -> None:
    """Added, modified and removed files of the axis come from the candidate, everything else from the baseline."""
    work.commit({"data/old.csv": "o"})
    work.write(
        {"app.py": "two", "data/train.csv": "t", "data/old.csv": None, "data/new.csv": "n", "models/m.bin": "m2"}
    )
    repository = work.repository()
    change = find_change(repository)
    version = mixed_version(repository, change, [Axis.DATA])
    expected = {
        "app.py": "one",
        "data/train.csv": "t",
        "data/new.csv": "n",
        "models/m.bin": "m",
        "requirements.txt": "numpy",
    }
    assert expected == contents(work, version.tree)
    assert ("baseline+data", "baseline with the candidate's data") == (version.name, version.described)
    assert (None, True) == (version.commit, version.dirty)


def test_several_axes_move_together(work: Work) -> None:
    """A mixed version can take more than one axis; its name lists them in the fixed order."""
    work.write({"app.py": "two", "data/train.csv": "t", "models/m.bin": "m2"})
    repository = work.repository()
    version = mixed_version(repository, find_change(repository), {Axis.MODEL, Axis.CODE})
    expected = {"app.py": "two", "data/train.csv": "a,b", "models/m.bin": "m2", "requirements.txt": "numpy"}
    assert ("baseline+code+model", expected) == (version.name, contents(work, version.tree))


def test_pointer_moves_with_what_it_points_to(work: Work) -> None:
    """A DVC pointer is a file of its target's axis."""
    work.commit({"models/big.dvc": pointer("a1", "big"), "data/x.dvc": pointer("d1", "x")})
    work.write({"models/big.dvc": pointer("b2", "big"), "data/x.dvc": pointer("d2", "x")})
    repository = work.repository()
    mixed = contents(work, mixed_version(repository, find_change(repository), [Axis.MODEL]).tree)
    assert ["md5: b2", "md5: d1"] == [mixed[path].split("\n")[1][2:] for path in ("models/big.dvc", "data/x.dvc")]


def test_shared_lock_moves_once_all_its_axes_are_chosen(work: Work) -> None:
    """A `dvc.lock` that speaks for data and model is the candidate's only where both are."""
    old, new = (lock(("data/y", f"d{i}"), ("models/z", f"m{i}")) for i in (1, 2))
    work.commit({"dvc.lock": old})
    work.write({"dvc.lock": new})
    repository = work.repository()
    change = find_change(repository)
    found = [
        contents(work, mixed_version(repository, change, axes).tree)["dvc.lock"]
        for axes in ([Axis.MODEL], [Axis.DATA, Axis.MODEL])
    ]
    assert [old.rstrip(), new.rstrip()] == found


def test_running_baseline_can_not_be_mixed(work: Work) -> None:
    """A URL has no files, so that attribution is refused with the remedy."""
    repository = work.repository()
    with pytest.raises(UsageError, match="URL") as caught:
        mixed_version(repository, find_change(repository, base="http://127.0.0.1:1"), [Axis.DATA])
    assert "--base REV" in caught.value.remedy
