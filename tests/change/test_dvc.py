"""DVC's pointer files are read for what they point to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.trial.change.dvc import MalformedPointerError, Target, is_pointer, targets


def test_pointer_gives_path_and_md5() -> None:
    """A pointer counts for the path that it points to, which is relative to its own folder."""
    content = b"outs:\n- md5: a304afb96060aad90176268345e10355\n  size: 37891850\n  hash: md5\n  path: train.csv\n"
    expected = (Target("data/train.csv", "a304afb96060aad90176268345e10355"),)
    assert expected == targets("data/train.csv.dvc", content)


def test_pointer_to_a_folder_is_known_as_one() -> None:
    """DVC marks the md5 of a folder with `.dir`."""
    (found,) = targets("images.dvc", b"outs:\n- {md5: ab12.dir, nfiles: 3, path: images}\n")
    assert (Target("images", "ab12.dir"), True) == (found, found.folder)


def test_working_folder_of_a_pointer_is_followed() -> None:
    """`wdir` moves the paths of a pointer."""
    found = targets("pointers/train.dvc", b"wdir: ../data\nouts: [{md5: ab, path: ./train.csv}]\n")
    assert (Target("data/train.csv", "ab"),) == found


def test_output_on_a_remote_has_its_etag() -> None:
    """Where DVC tracks something remote its etag stands in for the md5, and the URL is the path."""
    found = targets("x.dvc", b"outs: [{etag: e1, path: 's3://bucket/x'}]\n")
    assert (Target("s3://bucket/x", "e1"),) == found


LOCK = b"""
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    deps: [{path: raw.csv, hash: md5, md5: m1, size: 4}]
    outs: [{path: prepared, hash: md5, md5: m2.dir, size: 4, nfiles: 2}]
  train:
    cmd: python train.py
    deps: [{path: prepared, hash: md5, md5: m2.dir}]
    params: {params.yaml: {rate: 0.1}}
    outs: [{path: model.pkl, hash: md5, md5: m3}, {path: metrics.json}]
"""


def test_lock_gives_what_all_stages_read_and_write() -> None:
    """Each path of `dvc.lock` comes once, also where one stage's output is the next one's input."""
    expected = (
        Target("pipe/raw.csv", "m1"),
        Target("pipe/prepared", "m2.dir"),
        Target("pipe/model.pkl", "m3"),
    )
    assert expected == targets("pipe/dvc.lock", LOCK)


def test_old_lock_has_its_stages_at_the_top() -> None:
    """The first schema of `dvc.lock` is read as well."""
    assert (Target("x", "m"),) == targets("dvc.lock", b"train:\n  cmd: c\n  outs: [{path: x, md5: m}]\n")


def test_empty_lock_points_to_nothing() -> None:
    """A lock file without stages is fine."""
    assert () == targets("dvc.lock", b"schema: '2.0'\nstages: {}\n")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just words",
        b"- a\n- b\n",
        b"outs: 3\n",
        b"outs: []\n",
        b"outs: [{path: x}]\n",
        b"outs: [3]\n",
        b"a: [",
        b"\xff\xfe\x00",
        b"when: 2001-99-99\n",
        b"? {a: 1}\n: b\n",
        b"<<<<<<< HEAD\nouts:\n=======\n",
        b"a: &a [*a]\n",
    ],
)
def test_malformed_pointer_is_told_apart(content: bytes) -> None:
    """Whatever is no pointer raises the one error that the caller turns into a note."""
    with pytest.raises(MalformedPointerError):
        targets("x.dvc", content)


@pytest.mark.parametrize(
    "content", [b"schema: '2.0'\nstages: 3\n", b"schema: '2.0'\nstages: {a: 3}\n", b"a: {outs: 3}\n"]
)
def test_malformed_lock_is_told_apart(content: bytes) -> None:
    """The same holds for `dvc.lock`."""
    with pytest.raises(MalformedPointerError):
        targets("dvc.lock", content)


@given(st.one_of(st.binary(max_size=60), st.text(alphabet="outspahmd5:-[]{}&*!?|> \n'", max_size=60).map(str.encode)))
def test_no_content_crashes_the_reader(content: bytes) -> None:
    """Any bytes are either targets or malformed."""
    try:
        found = targets("x.dvc", content)
    except MalformedPointerError:
        return
    assert found


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/x.csv.dvc", True), ("dvc.lock", True), (".dvc/config", False), (".dvc", False), ("dvc.yaml", False)],
)
def test_pointers_are_known_by_name(path: str, *, expected: bool) -> None:
    """Only `NAME.dvc` and `dvc.lock` are pointers; DVC's own folder is not."""
    assert expected is is_pointer(path)
