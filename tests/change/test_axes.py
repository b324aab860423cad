"""Paths are sorted into axes by patterns like those of .gitignore."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seatrial.records import Axis, UsageError
from seatrial.trial.change.axes import sorter, translate
from tests.change.repositories import init

NAMES = st.sampled_from(["a", "b", "ab", "a.csv", "b.csv", "data", ".x"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(["a", "b", "*", "**", "?", "*.csv", "a*", "[ab]", "[!a]*", "data", "*.c?v", "**b"])
PATTERNS = st.builds(
    lambda names, start, end: start + "/".join(names) + end,
    st.lists(PIECES, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
    st.sampled_from(["", "/"]),
)


@pytest.mark.parametrize(
    ("path", "axis"),
    [
        ("app.py", Axis.CODE),
        ("src/digits/model.py", Axis.CODE),
        ("models/schema.py", Axis.CODE),
        ("params.yaml", Axis.CODE),
        ("dvc.yaml", Axis.CODE),
        ("requirements.txt", Axis.STACK),
        ("requirements-dev.txt", Axis.STACK),
        ("dev-requirements.in", Axis.STACK),
        ("services/api/uv.lock", Axis.STACK),
        ("pylock.gpu.toml", Axis.STACK),
        ("pyproject.toml", Axis.STACK),
        ("environment.yml", Axis.STACK),
        ("conda.yaml", Axis.STACK),
        ("Dockerfile.gpu", Axis.STACK),
        (".python-version", Axis.STACK),
        ("setup.py", Axis.STACK),
        ("data/train.csv", Axis.DATA),
        ("data/images/cat.png", Axis.DATA),
        ("data/test/part-0.txt", Axis.DATA),
        ("winequality.csv", Axis.DATA),
        ("prepared/x.parquet", Axis.DATA),
        ("models/model.json", Axis.MODEL),
        ("out/forest.joblib", Axis.MODEL),
        ("weights.safetensors", Axis.MODEL),
        ("seatrial.yaml", Axis.OTHER),
        ("requests.jsonl", Axis.OTHER),
        ("requests-large.csv", Axis.OTHER),
        ("tests/data/fixture.csv", Axis.OTHER),
        ("features/steps/model.py", Axis.OTHER),
        ("features/model.feature", Axis.OTHER),
        ("features/build.py", Axis.CODE),
        ("docs/index.md", Axis.OTHER),
        ("data/README.md", Axis.OTHER),
        ("data/.gitignore", Axis.OTHER),
        ("images/shot.png", Axis.OTHER),
        ("LICENSE", Axis.OTHER),
        (".github/workflows/trial.yaml", Axis.OTHER),
    ],
)
def test_defaults_are_sensible(path: str, axis: Axis) -> None:
    """Without configuration the usual files of a model's repository land on the expected axis."""
    assert axis is sorter().axis(path)


def test_configured_patterns_come_first() -> None:
    """A configured pattern wins over the defaults of every axis; what it doesn't name keeps its default."""
    paths = sorter({Axis.MODEL: ("thresholds.csv",), Axis.CODE: ("data/schema.json",)})
    expected = [Axis.MODEL, Axis.CODE, Axis.DATA]
    assert expected == [paths.axis(path) for path in ("thresholds.csv", "data/schema.json", "data/train.csv")]


def test_configured_axes_are_tried_in_their_order() -> None:
    """Where two configured axes match, the one named first wins."""
    both = {Axis.DATA: ("shared/**",), Axis.MODEL: ("shared/**",)}
    swapped = dict(reversed(both.items()))
    assert [Axis.DATA, Axis.MODEL] == [sorter(each).axis("shared/x") for each in (both, swapped)]


def test_exclamation_mark_takes_paths_out_again() -> None:
    """As in .gitignore the last match counts, so that `!` makes exceptions and a later pattern exceptions to those."""
    paths = sorter({Axis.DATA: ("in/**", "!in/*.cfg", "in/real.cfg")})
    found = [paths.axis(path) for path in ("in/x", "in/a.cfg", "in/real.cfg")]
    assert [Axis.DATA, Axis.CODE, Axis.DATA] == found


@pytest.mark.parametrize("pattern", ["", "/", "!", "a//b", "data/[ab", "data\\", "[[:alpha:]]x", "[z-a]"])
def test_malformed_patterns_are_refused(pattern: str) -> None:
    """A pattern that could never match as meant is an error that names the axis and shows how patterns look."""
    with pytest.raises(UsageError, match="malformed") as caught:
        sorter({Axis.DATA: (pattern,)})
    assert ("axes.data", True) == (caught.value.where, ".gitignore" in caught.value.remedy)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("a.b", "axb", False),
        ("*.csv", "x\ny.csv", True),
        ("[]a]", "]", True),
        ("[!]a]", "a", False),
        ("größe*", "größe1/x", True),
    ],
)
def test_characters_are_taken_literally_where_gitignore_does(pattern: str, path: str, *, expected: bool) -> None:
    """Escapes, dots, brackets and line ends in names mean what they mean in .gitignore."""
    assert expected is bool(re.match(translate(pattern), path, re.DOTALL))


@settings(max_examples=60, deadline=None)
@example(pattern="data/**", paths=["data", "data/a", "a/data/b"])
@example(pattern="a/**/b", paths=["a/b", "a/a/b", "a/a/a/b", "ab"])
@example(pattern="data/", paths=["data", "a/data", "a/data/b"])
@given(pattern=PATTERNS, paths=st.lists(PATHS, min_size=1, max_size=8, unique=True))
def test_translation_agrees_with_git(tmp_path_factory: pytest.TempPathFactory, pattern: str, paths: list[str]) -> None:
    """A pattern matches exactly the paths that `git check-ignore` matches with it."""
    expected = _ignored_by_git(tmp_path_factory.getbasetemp() / "ignoring", pattern, paths)
    assert expected == [path for path in paths if re.match(translate(pattern), path, re.DOTALL)]


@given(path=PATHS, axes=st.dictionaries(st.sampled_from(Axis), st.lists(PATTERNS, max_size=3).map(tuple), max_size=5))
def test_sorting_is_a_partition(path: str, axes: Mapping[Axis, tuple[str, ...]]) -> None:
    """Every path belongs to exactly one axis: to the first rule that matches, or to code."""
    paths = sorter(axes)
    matching = [rule.axis for rule in paths.rules if rule.matches(path)]
    assert (matching or [Axis.CODE])[0] is paths.axis(path)


def _ignored_by_git(folder: Path, pattern: str, paths: list[str]) -> list[str]:
    if not folder.exists():
        init(folder)
    (folder / ".gitignore").write_text(f"{pattern}\n")
    command = ["git", "-C", str(folder), "check-ignore", "--no-index", "-z", "--stdin"]
    done = subprocess.run(command, input="\0".join(paths).encode(), capture_output=True, check=False)
    found = set(done.stdout.decode().split("\0"))
    return [path for path in paths if path in found]
