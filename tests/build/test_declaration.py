"""What determines a stack: its digest changes with exactly that."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import StackSpec, UsageError
from seatrial.trial.build.declaration import Declaration, declare, declare_named, find
from tests.build.packages import make_wheel

LINES = st.lists(st.sampled_from(["six", "attrs>=20", "numpy==1.26.4", "# a remark", "", "--pre"]), max_size=5)


def declared(folder: Path, files: dict[str, str], **how: str) -> Declaration:
    """What a project with these files declares."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    file = find(StackSpec(), folder)
    assert file is not None
    return declare(file, python=how.get("python"), salt=how.get("salt", "tree"))


@settings(deadline=None)
@given(before=LINES, after=LINES, included_before=LINES, included_after=LINES)
def test_the_digest_changes_exactly_with_the_contents(
    before: list[str], after: list[str], included_before: list[str], included_after: list[str]
) -> None:
    """Equal files, included ones too, give equal digests wherever they lie; any other byte gives another digest."""
    digests, contents = [], []
    for lines, included in [(before, included_before), (after, included_after)]:
        with TemporaryDirectory() as folder:
            files = {
                "requirements.txt": "\n".join(["-r more/extra.txt", *lines]),
                "more/extra.txt": "\n".join(included),
            }
            digests.append(declared(Path(folder), files).digest)
            contents.append(files)
    assert (contents[0] == contents[1]) == (digests[0] == digests[1])


@pytest.mark.parametrize(
    "line", ["-r extra.txt", "--requirement extra.txt", "-rextra.txt", "-c extra.txt", "--constraint=extra.txt # why"]
)
def test_every_way_to_include_a_file_counts(tmp_path: Path, line: str) -> None:
    """A change in an included file is a change of the stack."""
    before = declared(tmp_path, {"requirements.txt": line, "extra.txt": "six==1"})
    after = declared(tmp_path, {"extra.txt": "six==2"})
    assert before.digest != after.digest


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    """A circle of includes is read once round."""
    assert declared(tmp_path, {"requirements.txt": "-r other.txt\nsix", "other.txt": "-r requirements.txt"}).digest


def test_a_missing_include_says_where(tmp_path: Path) -> None:
    """The message names the file and line that include it."""
    with pytest.raises(UsageError, match=r"nope\.txt") as caught:
        declared(tmp_path, {"requirements.txt": "six\n-r nope.txt\n"})
    assert caught.value.where == "requirements.txt:2"


@pytest.mark.parametrize(
    ("line", "local"),
    [
        ("-e .", True),
        ("--editable=./package", True),
        ("./package", True),
        ("../shared[extra]", True),
        ("package @ file:///opt/package", True),
        ("--find-links ./wheels", True),
        ("-e git+https://example.org/x.git#egg=x", False),
        ("package @ https://example.org/p.whl", False),
        ("six==1.16.0 ; python_version > '3'", False),
        ("--index-url https://example.org/simple", False),
        ("-r https://example.org/requirements.txt", False),
    ],
)
def test_folders_of_the_project_bring_the_tree_into_the_digest(tmp_path: Path, line: str, *, local: bool) -> None:
    """What a folder contains is unknown here, so another tree is another stack; everything else ignores the tree."""
    one = declared(tmp_path, {"requirements.txt": line}, salt="one")
    other = declared(tmp_path, {"requirements.txt": line}, salt="other")
    assert one.local == local
    assert local == (one.digest != other.digest)


def test_a_local_wheel_counts_by_its_contents(tmp_path: Path) -> None:
    """A wheel in the project is as good as one in an index: its bytes determine the stack, the tree doesn't."""
    wheel = make_wheel(tmp_path / "wheels", "tiny")
    before = declared(tmp_path, {"requirements.txt": f"./wheels/{wheel.name}"}, salt="one")
    same = declared(tmp_path, {}, salt="other")
    wheel.write_bytes(wheel.read_bytes() + b"more")
    assert before.digest == same.digest
    assert before.digest != declared(tmp_path, {}).digest


def test_the_python_counts(tmp_path: Path) -> None:
    """Another Python is another stack; `.python-version` is read where the configuration names none."""
    files = {"requirements.txt": "six"}
    running = declared(tmp_path, files)
    named = declared(tmp_path, files, python="3.12")
    pinned = declared(tmp_path, {**files, ".python-version": "3.12\n"})
    assert (None, "3.12", "3.12") == (running.python, named.python, pinned.python)
    assert running.digest != named.digest
    assert named.digest == pinned.digest


def test_the_required_python_of_a_project_is_asked_for(tmp_path: Path) -> None:
    """`requires-python` is the range in which uv looks."""
    text = '[project]\nname = "m"\nversion = "1"\nrequires-python = ">=3.12"\n'
    assert declared(tmp_path, {"pyproject.toml": text}).python == ">=3.12"


def test_detection_goes_from_the_most_exact_file_to_the_least(tmp_path: Path) -> None:
    """pylock.toml, uv.lock, requirements.txt, pyproject.toml: the first that is there."""
    found = []
    for name in ("pyproject.toml", "requirements.txt", "uv.lock", "pylock.toml"):
        (tmp_path / name).write_text("[project]\nname = 'm'\n")
        file = find(StackSpec(), tmp_path)
        found.append(file.name if file else None)
    assert found == ["pyproject.toml", "requirements.txt", "uv.lock", "pylock.toml"]


def test_a_pyproject_for_tools_only_declares_no_stack(tmp_path: Path) -> None:
    """Settings of ruff or pytest are no list of requirements."""
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert find(StackSpec(), tmp_path) is None


def test_a_change_of_pyproject_changes_a_lock(tmp_path: Path) -> None:
    """Uv reads both, so both determine the stack."""
    lock = 'version = 1\nrequires-python = ">=3.11"\n'
    before = declared(tmp_path, {"uv.lock": lock, "pyproject.toml": "[project]\nname = 'm'\n"})
    after = declared(tmp_path, {"pyproject.toml": "[project]\nname = 'n'\n"})
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("environment.yml", "name: x", "can't be read from"),
        ("pyproject.toml", "[project", "malformed"),
        ("nope.txt", None, "does not exist"),
        ("uv.lock", "version = 1", "pyproject.toml can't be read"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_the_users_to_mend(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    """Every such message says what to do."""
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        declare(find(StackSpec(file=name), tmp_path) or Path(), python=None, salt="tree")
    assert caught.value.remedy


def test_named_requirements_determine_their_own_stack() -> None:
    """The runners' environments are keyed by the compiled-in text."""
    assert declare_named(("a", "b")).digest == declare_named(("a", "b")).digest
    assert declare_named(("a", "b")).digest != declare_named(("a", "c")).digest
