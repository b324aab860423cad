"""One identity of a model's files, whoever computes it: the registry, or the model server without it."""

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import PermanentError, UsageError
from seatrial.registry.listing import digest_of_path, files_of, read_listing, write_listing
from seatrial.serve.loaders import digest_of

PARTS = st.text("ab.é \n'", min_size=1, max_size=3) | st.sampled_from(["\udcff", "..data", "...", "a\udc80b"])
NAMES = st.lists(PARTS.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(NAMES, st.binary(max_size=8), max_size=8)


def make(folder: Path, tree: dict[str, bytes]) -> None:
    """Make the files; where one is in the way of another's folder, the first stays."""
    for name, content in tree.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        except OSError:
            continue


@given(TREES)
def test_a_folder_has_the_digest_that_the_server_gives_it(tree: dict[str, bytes]) -> None:
    """For whatever names, depths and contents, and for each file of it as well."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, tree)

        assert digest_of(folder) == digest_of_path(folder)
        assert {file: digest_of(path) for file, path in files_of(folder).items()} == {
            file: digest_of_path(path) for file, path in files_of(folder).items()
        }


def test_links_mounts_and_what_is_no_file_count_as_for_the_server(tmp_path: Path) -> None:
    """Links count as what they lead to; ways back up, dead ends, pipes and Kubernetes' dated folders don't."""
    folder = tmp_path / "model"
    make(folder, {"weights.bin": b"x", "sub/part.bin": b"y", "..2026/weights.bin": b"x"})
    make(tmp_path / "elsewhere", {"more.bin": b"z"})
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "again.bin").symlink_to(folder / "weights.bin")
    (folder / "up").symlink_to(folder)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    (folder / "..data").symlink_to("..2026")
    os.mkfifo(folder / "pipe")

    assert {"linked/more.bin", "sub/again.bin", "sub/part.bin", "weights.bin"} == set(files_of(folder))
    assert digest_of(folder) == digest_of_path(folder)


def test_the_digest_of_a_folder_is_that_of_its_listing() -> None:
    """So that the listing, stored like any other artifact, is found under it."""
    listing = b"a.bin\0sha256:" + b"1" * 64 + b"\nb/c.bin\0sha256:" + b"2" * 64 + b"\n"

    assert listing == write_listing({"b/c.bin": "sha256:" + "2" * 64, "a.bin": "sha256:" + "1" * 64})


@given(
    st.dictionaries(
        NAMES.filter(lambda name: "/.." not in f"/{name}" and "/./" not in f"/{name}/"), st.binary(), min_size=1
    )
)
def test_a_listing_is_read_as_it_was_written(tree: dict[str, bytes]) -> None:
    """Whatever bytes the names have, line ends among them."""
    parts = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, content in tree.items()}

    assert parts == read_listing(write_listing(parts))


DIGEST = b"sha256:" + b"0" * 64


@pytest.mark.parametrize(
    "name", [b"../evil", b"/etc/passwd", b"a/../../evil", b"a//b", b"./a", b"a/.", b"..", b"..data/a", b"a/", b"a/..b"]
)
def test_a_name_that_leads_out_is_refused(name: bytes) -> None:
    """A listing that was made by somebody else to write files elsewhere."""
    with pytest.raises(PermanentError, match="leads out of the folder"):
        read_listing(name + b"\0" + DIGEST + b"\n")


@pytest.mark.parametrize(
    "listing",
    [
        b"",
        b"weights",
        b"a\0sha256:abc\n",
        b"a\0" + DIGEST,
        b"b\0" + DIGEST + b"\na\0" + DIGEST + b"\n",
        b"a\0" + DIGEST + b"\na\0" + DIGEST + b"\n",
        b"x" + b"\0" + DIGEST + b"\ngarbage",
    ],
    ids=["empty", "a model", "short digest", "no end", "unsorted", "twice", "garbage"],
)
def test_what_is_no_listing_is_refused(listing: bytes) -> None:
    """Also what could be read with some goodwill: a digest leads to one listing only."""
    with pytest.raises(PermanentError, match="no listing") as caught:
        read_listing(listing)

    assert f"sha256:{hashlib.sha256(listing).hexdigest()}" == caught.value.where


@given(st.binary(max_size=200))
def test_any_bytes_are_a_listing_or_refused(data: bytes) -> None:
    """What is read writes the same bytes again."""
    try:
        parts = read_listing(data)
    except PermanentError:
        return
    assert data == write_listing(parts)


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    """A file that opens and then fails, and one that isn't there."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").symlink_to("/proc/self/mem")

    with pytest.raises(UsageError, match="can't be read") as caught:
        digest_of_path(tmp_path / "model")
    assert str(tmp_path / "model" / "weights.bin") == caught.value.where
    with pytest.raises(UsageError, match="can't be read"):
        digest_of_path(tmp_path / "nothing")
