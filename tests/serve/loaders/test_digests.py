"""Identities of artifacts."""

import hashlib
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import UsageError
from seatrial.serve.loaders import digest_of
from tests.serve.loaders.makers import write

NAMES = st.text("abcxyz", min_size=1, max_size=4).map(lambda stem: f"{stem}.bin")
FILES = st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=6)


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    """As `sha256sum` prints it."""
    (tmp_path / "a.pkl").write_bytes(b"content")
    assert f"sha256:{hashlib.sha256(b'content').hexdigest()}" == digest_of(str(tmp_path / "a.pkl"))


@given(FILES, st.randoms(use_true_random=False))
def test_the_digest_of_a_directory_depends_on_its_content_alone(files: dict[str, bytes], random: Random) -> None:
    """Files that were made in another order, and so are listed in another, give the same digest."""
    names = list(files)
    shuffled = names.copy()
    random.shuffle(shuffled)
    digests = []
    for order in (names, shuffled):
        with TemporaryDirectory() as folder:
            for name in order:
                (Path(folder) / name).write_bytes(files[name])
            digests.append(digest_of(Path(folder)))
    assert digests[0] == digests[1]


@given(FILES, st.binary(min_size=1, max_size=5))
def test_another_byte_or_another_name_is_another_digest(files: dict[str, bytes], more: bytes) -> None:
    """Contents and names both count."""
    first = min(files)
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        for name, content in files.items():
            (directory / name).write_bytes(content)
        before = digest_of(directory)
        (directory / first).write_bytes(files[first] + more)
        changed = digest_of(directory)
        (directory / first).write_bytes(files[first])
        (directory / first).rename(directory / "renamed")
        assert len({before, changed, digest_of(directory)}) == 3


def test_a_mounted_config_map_has_the_digest_of_its_files(tmp_path: Path) -> None:
    """Kubernetes shows each file through a link into a dated directory, which must not count."""
    plain, mounted = tmp_path / "plain", tmp_path / "mounted"
    write(plain, {"model.pkl": "x"})
    write(mounted / "..2026_01_01", {"model.pkl": "x"})
    (mounted / "..data").symlink_to("..2026_01_01")
    (mounted / "model.pkl").symlink_to("..data/model.pkl")
    assert digest_of(plain) == digest_of(mounted)


def test_linked_directories_count(tmp_path: Path) -> None:
    """What is opened through a link is hashed through it; a link back up ends there."""
    inside = write(tmp_path / "inside", {"model.pkl": "x", "sub/part.pkl": "y"})
    linked = write(tmp_path / "linked", {"model.pkl": "x"})
    (linked / "sub").symlink_to(inside / "sub")
    assert digest_of(inside) == digest_of(linked)
    (inside / "up").symlink_to(tmp_path / "inside")
    assert digest_of(inside) == digest_of(linked)


def test_a_class_has_the_digest_of_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is found in the current directory, and not imported: it would fail."""
    write(tmp_path, {"service/__init__.py": "", "service/model.py": "raise RuntimeError"})
    monkeypatch.chdir(tmp_path)
    assert digest_of(tmp_path / "service" / "model.py") == digest_of("service.model:Model")
    assert digest_of(tmp_path / "service") == digest_of("service:Model")


def test_a_missing_module_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the places that were looked at."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no module nowhere") as raised:
        digest_of("nowhere:Model")
    assert str(tmp_path) in raised.value.remedy


def test_a_missing_file_has_no_digest(tmp_path: Path) -> None:
    """An error, not a digest of nothing."""
    with pytest.raises(UsageError, match="can't be read"):
        digest_of(tmp_path / "a.pkl")
