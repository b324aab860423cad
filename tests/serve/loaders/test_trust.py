"""Which artifacts may run code."""

import pickle
from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.serve.loaders import digest_of
from tests.serve.loaders.makers import dump, opened, ridge

OTHER = "sha256:" + "0" * 64


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        """Touch the file."""
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A pickle that shows whether it was opened."""
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    return tmp_path / "trap.pkl"


def test_the_trap_springs_where_nothing_is_pinned(trap: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    with pytest.raises(UsageError, match="can't predict"):
        opened(trap)
    assert (trap.parent / "sprung").exists()


def test_an_untrusted_pickle_is_refused_before_it_is_opened(trap: Path) -> None:
    """The error shows its digest, so that it can be pinned."""
    with pytest.raises(UsageError, match="isn't trusted") as raised:
        opened(trap, trusted_digests=(OTHER,))
    assert digest_of(trap) in raised.value.what
    assert not (trap.parent / "sprung").exists()


def test_an_untrusted_part_of_a_directory_is_refused_before_it_is_opened(trap: Path) -> None:
    """Trusting its neighbour is not enough."""
    dump(ridge(), trap.parent / "model.joblib")
    with pytest.raises(UsageError, match="isn't trusted") as raised:
        opened(trap.parent, trusted_digests=(digest_of(trap.parent / "model.joblib"),))
    assert digest_of(trap) in raised.value.what
    assert not (trap.parent / "sprung").exists()


@pytest.mark.parametrize("spelling", [str.lower, lambda digest: "sha256:" + digest[7:].upper()])
def test_a_pinned_pickle_is_opened(tmp_path: Path, spelling: type[str]) -> None:
    """And nothing is left to advise."""
    path = dump(ridge(), tmp_path / "model.joblib")
    model = opened(path, trusted_digests=(OTHER, spelling(digest_of(path))))
    assert model.warnings == ()
    assert digest_of(path) == model.digest


def test_a_directory_can_be_pinned_as_a_whole(tmp_path: Path) -> None:
    """Its digest covers every part."""
    dump(ridge(), tmp_path / "model.joblib")
    model = opened(tmp_path, trusted_digests=(digest_of(tmp_path),))
    assert digest_of(tmp_path) == model.digest


def test_where_nothing_is_pinned_the_log_says_how(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In a sentence of its own; nothing is printed."""
    path = dump(ridge(), tmp_path / "model.joblib")
    (sentence,) = opened(path).warnings
    assert f"--trusted-digest {digest_of(path)}" in sentence
    assert capfd.readouterr() == ("", "")


def test_an_mlflow_model_is_trusted_only_as_a_whole(trap: Path) -> None:
    """Its description names what is loaded, so that a trusted pickle in it proves nothing."""
    (trap.parent / "MLmodel").write_text("flavors: {python_function: {loader_module: mlflow.sklearn}}")
    with pytest.raises(UsageError, match="isn't trusted") as raised:
        opened(trap.parent, trusted_digests=(digest_of(trap),))
    assert digest_of(trap.parent) in raised.value.what
    assert not (trap.parent / "sprung").exists()
