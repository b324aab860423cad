"""What a build made can be packed and put back, and nothing else can."""

import io
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.records import PermanentError
from seatrial.trial.build import products
from seatrial.trial.build.products import pack, take_snapshot, unpack, written_since

NAMES = st.sampled_from(["a", "b", "models/m.bin", "models/n.bin", "deep/er/x"])
FILES = st.dictionaries(NAMES, st.binary(max_size=64), max_size=5)


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def content(folder: Path) -> dict[str, tuple[str, str, bool]]:
    """What a folder holds."""
    return {path: entry.content for path, entry in take_snapshot(folder).items()}


@settings(deadline=None)
@given(sources=FILES, made=FILES)
def test_products_come_back_byte_for_byte(sources: dict[str, bytes], made: dict[str, bytes]) -> None:
    """Another checkout of the same sources looks the same afterwards."""
    with TemporaryDirectory() as one, TemporaryDirectory() as two, TemporaryDirectory() as out:
        write(Path(one), sources)
        write(Path(two), sources)
        before = take_snapshot(Path(one))
        write(Path(one), made)
        after = take_snapshot(Path(one), before)
        pack(Path(one), written_since(before, after), Path(out) / "tar")
        unpack((Path(out) / "tar").read_bytes(), Path(two))
        assert content(Path(one)) == content(Path(two))


@pytest.mark.parametrize("filters", [True, False])
def test_modes_links_and_empty_folders_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, filters: bool
) -> None:
    """A script stays executable, a link a link; also on a Python without filters for archives."""
    if not filters:
        monkeypatch.setattr(products, "_FILTER", {})
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, {"run.sh": b"#!/bin/sh\n", "models/m-1.bin": b"m"})
    (one / "run.sh").chmod(0o755)
    (one / "latest").symlink_to("models/m-1.bin")
    (one / "empty").mkdir()
    two.mkdir()
    pack(one, take_snapshot(one), tmp_path / "tar")
    unpack((tmp_path / "tar").read_bytes(), two)
    assert content(one) == content(two)
    assert (two / "latest").read_bytes() == b"m"


def test_what_is_in_the_way_is_replaced(tmp_path: Path) -> None:
    """Read-only files, links and folders make room, and what a link pointed to stays as it was."""
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, {"file": b"new", "linked": b"new", "folder": b"new"})
    write(two, {"file": b"old", "folder/x": b"old", "target": b"untouched"})
    (two / "file").chmod(0o400)
    (two / "linked").symlink_to("target")
    pack(one, ["file", "linked", "folder"], tmp_path / "tar")
    unpack((tmp_path / "tar").read_bytes(), two)
    assert {"file": b"new", "linked": b"new", "folder": b"new", "target": b"untouched"} == {
        path.name: path.read_bytes() for path in two.iterdir()
    }


def archive(member: tarfile.TarInfo, data: bytes = b"") -> bytes:
    """A tar with one member."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, linkname: str = "") -> tarfile.TarInfo:
    """A member of a tar."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = linkname
    return info


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("/tmp/seatrial-outside"),
        member("through/outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.SYMTYPE, "../outside"),
        member("hard", tarfile.LNKTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "inside"),
        member("pipe", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda bad: f"{bad.name}->{bad.linkname}",
)
@pytest.mark.parametrize("filters", [True, False])
def test_a_malicious_member_is_refused(
    tmp_path: Path, bad: tarfile.TarInfo, monkeypatch: pytest.MonkeyPatch, *, filters: bool
) -> None:
    """Nothing lands outside the project, whatever an archive says; also on a Python without filters for archives."""
    if not filters:
        monkeypatch.setattr(products, "_FILTER", {})
    folder, outside = tmp_path / "project", tmp_path / "elsewhere"
    write(folder, {"inside": b"inside"})
    outside.mkdir()
    (folder / "through").symlink_to(outside)
    before = content(tmp_path)
    with pytest.raises(PermanentError, match="refused") as caught:
        unpack(archive(bad, b"evil" if bad.isreg() else b""), folder)
    assert caught.value.remedy
    assert before == content(tmp_path)
    assert not Path("/tmp/seatrial-outside").exists()


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(PermanentError, match="refused"):
        unpack(b"no tar at all" * 100, tmp_path)


def test_a_product_that_leads_out_is_not_packed(tmp_path: Path) -> None:
    """It could not be put back elsewhere."""
    (tmp_path / "model").symlink_to("/somewhere/model")
    with pytest.raises(PermanentError, match="leads out"):
        pack(tmp_path, ["model"], tmp_path / "tar")
