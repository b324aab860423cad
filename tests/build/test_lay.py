"""The files of a registered version come into a checkout whole, in place of what is there, and nowhere else."""

import os
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.records import Actor, Artifact, ModelVersion, PermanentError, TemporaryError, UsageError
from seatrial.registry.listing import digest_of_path
from seatrial.trial.build.commands import StoppedError
from seatrial.trial.build.lay import Layer, lay, plain_place
from seatrial.trial.change.checkout import Checkout
from tests.change.repositories import pointer

PLACE = "models/wine.joblib"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A checkout of a repository whose project lies in `service`."""
    folder = tmp_path / "checkout"
    (folder / "service").mkdir(parents=True)
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A model's file."""
    return write(tmp_path / "registered" / "wine.joblib", "the model")


def write(path: Path, content: str) -> Path:
    """Write a file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def layer(path: Path, place: str = PLACE) -> Layer:
    """What a registered version of these files lays."""
    artifact = Artifact(digest=digest_of_path(path), name=path.name, folder=path.is_dir())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    version = ModelVersion(
        model="wine", number=3, artifact=artifact, stage="Staging", creator=Actor(name="ada"), created=now
    )
    return Layer(version=version, path=path, place=place)


def laid(top: Path, one: Layer) -> Path:
    """The place after laying."""
    lay(one, Checkout(top, top / "service"), lambda: None)
    return one.laid(top / "service")


def test_a_file_comes_where_nothing_is(top: Path, trained: Path) -> None:
    """With the folders above it, and it is a file of its own: writing into it changes nothing that is registered."""
    target = laid(top, layer(trained))
    assert top / "service" / PLACE == target
    target.write_text("what a server wrote into its model")
    assert "the model" == trained.read_text()


@pytest.mark.parametrize("name", ["wine.joblib", "wine"])
def test_what_is_there_is_replaced(top: Path, tmp_path: Path, name: str) -> None:
    """Of a folder also the files that the registered one doesn't have."""
    folder = "." not in name
    write(top / "service" / "models" / name / "old" if folder else top / "service" / "models" / name, "what git has")
    source = write(tmp_path / name / "deep" / "new" if folder else tmp_path / name, "new")
    one = layer(tmp_path / name if folder else source, f"models/{name}")
    assert one.version.artifact.digest == digest_of_path(laid(top, one))


def test_a_links_target_is_left_alone(top: Path, tmp_path: Path, trained: Path) -> None:
    """The link is replaced, not what it leads to."""
    outside = write(tmp_path / "elsewhere" / "shared.joblib", "somebody else's")
    target = top / "service" / PLACE
    target.parent.mkdir()
    target.symlink_to(outside)
    laid(top, layer(trained))
    assert ("somebody else's", "the model") == (outside.read_text(), target.read_text())
    assert not target.is_symlink()


def test_a_link_on_the_way_that_leads_out_is_refused(top: Path, tmp_path: Path, trained: Path) -> None:
    """A commit may hold any link; nothing is written through it."""
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (top / "service" / "models").symlink_to(outside)
    with pytest.raises(UsageError, match="models is a link that leads out"):
        laid(top, layer(trained))
    assert [] == list(outside.iterdir())


def test_a_link_that_stays_inside_is_followed(top: Path, trained: Path) -> None:
    """Also one to a folder beside the project."""
    (top / "shared").mkdir()
    (top / "service" / "models").symlink_to("../shared")
    laid(top, layer(trained))
    assert "the model" == (top / "shared" / "wine.joblib").read_text()


def test_a_file_on_the_way_is_named(top: Path, trained: Path) -> None:
    """The path of the model doesn't fit to this version's files."""
    write(top / "service" / "models", "a file")
    with pytest.raises(UsageError, match="models is no folder in the version's files"):
        laid(top, layer(trained))


def test_a_folder_where_a_file_is_expected_is_refused(top: Path, tmp_path: Path) -> None:
    """Git's file, DVC's pointer or the ending say what the deployment expects."""
    write(tmp_path / "wine" / "model.joblib", "m")
    expected = "wine@3 is a folder \\(wine\\), but the deployment expects a file at models/wine"
    with pytest.raises(UsageError, match=expected):
        laid(top, layer(tmp_path / "wine", "models/wine.joblib"))
    write(top / "service" / "models" / "wine.dvc", pointer("ab" * 16, "wine"))
    with pytest.raises(UsageError, match=expected):
        laid(top, layer(tmp_path / "wine", "models/wine"))
    write(top / "service" / "models" / "wine", "a file")
    with pytest.raises(UsageError, match=expected):
        laid(top, layer(tmp_path / "wine", "models/wine"))


def test_a_file_where_a_folder_is_expected_is_refused(top: Path, trained: Path) -> None:
    """Git's folder or DVC's pointer say so."""
    write(top / "service" / "models" / "wine.dvc", pointer("ab" * 16 + ".dir", "wine"))
    expected = "wine@3 is a file \\(wine.joblib\\), but the deployment expects a folder at models/wine"
    with pytest.raises(UsageError, match=expected):
        laid(top, layer(trained, "models/wine"))
    write(top / "service" / "models" / "wine" / "model", "m")
    with pytest.raises(UsageError, match=expected):
        laid(top, layer(trained, "models/wine"))


def test_a_target_of_dvc_is_laid_without_dvc(top: Path, trained: Path) -> None:
    """Its pointer stays, its file comes from the registry."""
    write(top / "service" / f"{PLACE}.dvc", pointer("ab" * 16, "wine.joblib"))
    assert "the model" == laid(top, layer(trained)).read_text()


def test_a_file_of_another_kind_is_refused(top: Path, tmp_path: Path) -> None:
    """Loaders go by the ending: an ONNX model under the name of a pickle would be opened as one."""
    path = write(tmp_path / "wine.onnx", "an ONNX model")
    with pytest.raises(UsageError, match=r"wine\.onnx, but the deployment loads models/wine\.joblib"):
        laid(top, layer(path))


def test_what_is_no_longer_what_was_registered_is_refused(top: Path, trained: Path) -> None:
    """The copy is hashed, so it doesn't matter when the file was changed."""
    one = layer(trained)
    trained.write_text("another model")
    with pytest.raises(PermanentError, match="no longer those that were registered"):
        laid(top, one)


def test_files_that_are_gone_are_named(top: Path, trained: Path) -> None:
    """With what to do."""
    one = layer(trained)
    trained.unlink()
    with pytest.raises(PermanentError, match="the files of wine@3 are gone"):
        laid(top, one)


def test_a_large_file_passes_through_no_memory(top: Path, tmp_path: Path) -> None:
    """Of half a gibibyte, no more than a few megabytes are held at any moment."""
    path = tmp_path / "wine.joblib"
    with path.open("wb") as file:
        file.truncate(512 << 20)
    one = layer(path)
    tracemalloc.start()
    try:
        assert 512 << 20 == laid(top, one).stat().st_size
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


def test_laying_ends_where_the_trial_was_stopped(top: Path, trained: Path) -> None:
    """Between two steps."""

    def stopped() -> None:
        raise StoppedError("stopped")

    with pytest.raises(TemporaryError):
        lay(layer(trained), Checkout(top, top / "service"), stopped)


@pytest.mark.parametrize("place", ["", ".", "/etc/x", "../x", "a/../../x", ".git/x", "a/.seatrial/x", "a\0b"])
def test_a_place_outside_the_project_is_refused(place: str) -> None:
    """Neither above it nor in what git and seatrial keep for themselves."""
    with pytest.raises(UsageError, match="can't be laid at"):
        plain_place(place, where="models.wine.path")


@given(st.lists(st.sampled_from(["a", "b.c", ".", "...", "-x"]), min_size=1, max_size=5))
def test_a_place_in_its_plain_form_stays_below_the_project(parts: list[str]) -> None:
    """Whatever is written, the same file is meant, and a plain place is plain already."""
    written = "/".join(parts)
    if set(parts) == {"."}:
        return
    plain = plain_place(f"./{written}/", where="")
    assert os.path.normpath(written) == plain == plain_place(plain, where="")
