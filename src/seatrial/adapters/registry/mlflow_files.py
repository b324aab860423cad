"""The files of one MLflow version, once downloaded, as a Store: what lays artifacts checks them like any others."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from seatrial.ports import Store
from seatrial.records import Artifact, PermanentError
from seatrial.registry.artifacts import lay_artifact
from seatrial.registry.listing import digest_of_path, files_of, write_listing


def describe(path: Path, *, name: str, folder: bool) -> Artifact:
    """What is at `path`, which was just downloaded or is about to be uploaded. Raises UsageError if it can't be read."""
    files = list(files_of(path).values()) if folder else [path]
    return Artifact(
        digest=digest_of_path(path),
        name=name,
        folder=folder,
        size=sum(file.stat().st_size for file in files),
        files=len(files),
    )


def lay_downloaded(artifact: Artifact, downloaded: Path, folder: Path) -> Path:
    """Lay the files that were downloaded for `artifact` below `folder`: whole and verified, or not at all.

    Raises PermanentError if they are not what was registered.
    """
    found = downloaded if artifact.folder else downloaded / artifact.name
    return lay_artifact(artifact, _downloaded(found, artifact), folder)


def _downloaded(path: Path, artifact: Artifact) -> Store:
    if not artifact.folder:
        return _Downloaded({digest_of_path(path): path} if path.is_file() else {}, b"")
    digests = {name: digest_of_path(file) for name, file in files_of(path).items()}
    files = {digest: path / name for name, digest in digests.items()}
    return _Downloaded(files, write_listing(digests))


class _Downloaded:
    """Implements `seatrial.ports.Store` for reading: files by their digest, and their listing."""

    def __init__(self, files: Mapping[str, Path], listing: bytes) -> None:
        self._files = files
        self._listing = listing

    def put(self, data: bytes) -> str:
        raise _read_only(f"{len(data)} bytes")

    def put_file(self, path: Path) -> str:
        raise _read_only(str(path))

    def get(self, digest: str) -> bytes:
        if digest != f"sha256:{hashlib.sha256(self._listing).hexdigest()}":
            raise self._changed(digest)
        return self._listing

    def has(self, digest: str) -> bool:
        return digest in self._files

    def get_file(self, digest: str, path: Path) -> None:
        # Two files of one folder may have the same bytes, so that the first must stay for the second.
        if digest not in self._files:
            raise self._changed(digest)
        shutil.copyfile(self._files[digest], path)

    def _changed(self, digest: str) -> PermanentError:
        return PermanentError(
            f"the files are not those that were registered ({digest})",
            where="MLflow",
            remedy="somebody changed them in MLflow's artifact store: register the model again",
        )


def _read_only(what: str) -> PermanentError:
    return PermanentError(f"a downloaded version takes no further files ({what})", where="MLflow")
