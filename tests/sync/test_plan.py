"""A plan, carried out, makes a folder hold what the ref has, and touches nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import UsageError
from seatrial.sync.plan import SyncPlan, check_names, check_sizes, check_strangers, plan_sync

NAMES = st.sampled_from(["a", "A", "b", "a/b", "a/b/c", "B/c", "lib/x.py", "lib/X.py", "lib"])
DIGESTS = st.sampled_from(["sha256:1", "sha256:2", "sha256:3"])


def _is_tree(files: dict[str, str]) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


TREES = st.dictionaries(NAMES, DIGESTS, max_size=6).filter(_is_tree)


class Folder:
    """A file system: a name is a file or a folder, and some of them take all spellings for one name."""

    def __init__(self, files: dict[str, str], *, folds: bool) -> None:
        self.spelt = str.casefold if folds else str
        self.files = {self.spelt(path): digest for path, digest in files.items()}

    def remove(self, path: str) -> None:
        """Gone, with the folders that are empty then."""
        self.files.pop(self.spelt(path), None)

    def write(self, path: str, digest: str) -> None:
        """Fails where a file is on the way, or a folder in its place."""
        name = self.spelt(path)
        parts = name.split("/")
        assert not any("/".join(parts[:depth]) in self.files for depth in range(1, len(parts))), f"no folder for {name}"
        assert not any(other.startswith(f"{name}/") for other in self.files), f"{name} is a folder"
        self.files[name] = digest


def _carry_out(plan: SyncPlan, wanted: dict[str, str], folder: Folder) -> None:
    for path in plan.cleared:
        folder.remove(path)
    for path in plan.written:
        folder.write(path, wanted[path])
    for path in plan.removed:
        folder.remove(path)


@given(wanted=TREES, held=TREES)
def test_afterwards_the_folder_holds_what_the_ref_has(wanted: dict[str, str], held: dict[str, str]) -> None:
    """Whatever was there, in an order that never meets a file where a folder has to be."""
    folder = Folder(held, folds=False)
    _carry_out(plan_sync(wanted, held), wanted, folder)

    assert wanted == folder.files


@given(wanted=TREES, held=TREES)
def test_so_it_is_where_case_counts_for_nothing(wanted: dict[str, str], held: dict[str, str]) -> None:
    """A file whose name only changed its case is not removed with its old name."""
    folded = {path.casefold(): digest for path, digest in wanted.items()}
    if len(folded) < len(wanted) or not _is_tree(folded) or len({path.casefold() for path in held}) < len(held):
        return
    if not _is_tree({path.casefold(): "" for path in held}):
        return
    folder = Folder(held, folds=True)
    _carry_out(plan_sync(wanted, held), wanted, folder)

    assert folded == folder.files


@given(wanted=TREES, held=TREES)
def test_only_what_differs_is_touched(wanted: dict[str, str], held: dict[str, str]) -> None:
    """What is equal is neither written nor removed; what is not the ref's and not seatrial's is in no plan."""
    plan = plan_sync(wanted, held)
    same = {path for path in wanted if held.get(path) == wanted[path]}

    assert set(wanted) - same == set(plan.written)
    assert set(held) - set(wanted) == {*plan.cleared, *plan.removed}
    assert plan.settled == (wanted == held)


@given(wanted=TREES, held=TREES)
def test_what_is_doubtful_is_written_again(wanted: dict[str, str], held: dict[str, str]) -> None:
    """A file without a digest is replaced if the ref has it, and removed if not."""
    doubtful = dict.fromkeys(held, "")
    plan = plan_sync(wanted, doubtful)

    assert tuple(sorted(wanted)) == plan.written
    assert tuple(sorted(set(wanted) & set(held))) == plan.mended


def test_two_files_of_one_name_in_the_target_are_refused() -> None:
    """A notebook and a file, say."""
    check_names({"src/a.py": "src/a.py", "src/b.py": "src/b"})
    with pytest.raises(UsageError, match=r"src/train, src/train.py would be one thing in the target: src/train"):
        check_names({"src/train.py": "src/train", "src/train": "src/train"})


def test_files_over_the_targets_limit_are_refused_before_anything_is_written() -> None:
    """With their names and sizes."""
    check_sizes({"a": 10}, 10)
    check_sizes({"a": 10**12}, None)
    with pytest.raises(UsageError, match=r"at most 10 bytes: b \(11 bytes\)"):
        check_sizes({"a": 10, "b": 11}, 10)


@pytest.mark.parametrize("stranger", ["src/app.py", "src", "src/app.py/x", "src/train", "src/train.py"])
def test_strangers_in_the_way_are_refused(stranger: str) -> None:
    """In a file's place, in a folder's place, or below what is to be a file; by either of its names."""
    with pytest.raises(UsageError, match="did not write"):
        check_strangers({"src/app.py": "src/app.py", "src/train.py": "src/train"}, [stranger])


def test_other_strangers_are_in_nobodys_way() -> None:
    """Beside the code there may be anything."""
    check_strangers({"src/app.py": "src/app.py"}, ["src/app.pyc", "srcs", "src/data/x", "output.csv"])
