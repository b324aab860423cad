"""What a model says of itself, asked in a process of its own."""

import json
import os
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from seatrial.records.serving import Field
from seatrial.registry.examine import Examined, examine
from seatrial.serve.describe import main
from seatrial.serve.loaders import digest_of


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted classifier whose classes are numpy's numbers."""
    rows = np.random.default_rng(7).normal(size=(40, 2))
    path = tmp_path_factory.mktemp("models") / "wine.joblib"
    joblib.dump(LogisticRegression().fit(rows, (rows[:, 0] > 0).astype(np.int64)), path)
    return path


class Noisy:
    """Unpickled, it runs code: it prints, and does whatever its argument says."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __reduce__(self) -> tuple[object, ...]:
        """Run the code."""
        return (exec, (self._code,))


def noisy(folder: Path, code: str) -> Path:
    """A pickle that does something when it is opened."""
    path = folder / "noisy.pkl"
    path.write_bytes(pickle.dumps(Noisy(code)))
    return path


def test_flavour_and_signature_are_read(wine: Path) -> None:
    """As the model server reads them, and of the very bytes that the digest names."""
    found = examine(wine)

    assert ("sklearn", digest_of(wine), "") == (found.flavour, found.digest, found.note)
    assert found.signature is not None
    assert (Field(name="x0"), Field(name="x1")) == found.signature.fields
    assert [0, 1] == list(found.signature.classes)


def test_a_signature_file_beside_the_model_counts(wine: Path, tmp_path: Path) -> None:
    """As it would in the server."""
    model = tmp_path / "wine.joblib"
    model.write_bytes(wine.read_bytes())
    (tmp_path / "signature.yaml").write_text("inputs:\n  pH: {minimum: 0}\n  alcohol: {}\n")

    found = examine(model)

    assert found.signature is not None
    assert ["pH", "alcohol"] == [field.name for field in found.signature.fields]


def test_a_folder_is_examined_as_a_whole(wine: Path, tmp_path: Path) -> None:
    """Its digest is that of all files, whatever is opened of it."""
    (tmp_path / "wine.joblib").write_bytes(wine.read_bytes())
    (tmp_path / "notes.md").write_text("# Wine")

    found = examine(tmp_path)

    assert ("sklearn", digest_of(tmp_path), "") == (found.flavour, found.digest, found.note)


@pytest.mark.parametrize("trusted", [True, False])
def test_pickles_are_opened_by_the_rules_of_the_server(tmp_path: Path, trusted: bool) -> None:  # noqa: FBT001
    """With pins, only what is pinned; the code of anything else does not run."""
    trace = tmp_path / "ran"
    model = noisy(tmp_path, f"open({str(trace)!r}, 'w').close()")

    found = examine(model, trusted=[digest_of(model) if trusted else "sha256:" + "0" * 64])

    assert trusted == trace.exists()
    assert "sklearn" == found.flavour
    assert found.signature is None
    assert trusted != ("isn't trusted" in found.note)


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("import os; print('hello', flush=True); os._exit(3)", "ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9"),
        ("raise KeyboardInterrupt('why')", "ended with"),
        ("raise RuntimeError('the reason\\x1b[31m')", "the reason"),
        ("import no_such_package", "no_such_package"),
    ],
)
def test_whatever_happens_is_a_note(tmp_path: Path, code: str, note: str) -> None:
    """A model's code may do anything; no escape sequence of it reaches the terminal."""
    found = examine(noisy(tmp_path, code))

    assert "its signature is not known" in found.note
    assert note in found.note
    assert "\x1b" not in found.note
    assert found.signature is None


def test_an_endless_model_is_given_up(tmp_path: Path) -> None:
    """After the time-out."""
    found = examine(noisy(tmp_path, "import time; time.sleep(60)"), timeout=1.5)

    assert Examined(note="its signature is not known: opening it took longer than 1.5 seconds") == found


def test_what_no_server_knows_has_no_flavour(tmp_path: Path) -> None:
    """It can be registered all the same."""
    (tmp_path / "weights.bin").write_bytes(b"weights")

    found = examine(tmp_path / "weights.bin")

    assert (None, None) == (found.flavour, found.signature)
    assert "no model is known to end with .bin" in found.note


def test_modules_of_the_project_can_be_imported(tmp_path: Path) -> None:
    """A pickle of a class that lives there."""
    (tmp_path / "features.py").write_text(
        "import os\ndef note():\n    open('imported', 'w').close()\n    return None\n"
    )
    path = tmp_path / "own.pkl"
    path.write_bytes(b"cfeatures\nnote\n(tR.")

    examine(path, cwd=tmp_path)

    assert (tmp_path / "imported").exists()


def test_the_program_writes_json_and_leaves_standard_output_to_the_model(
    wine: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The file holds one object."""
    main([os.fspath(wine), os.fspath(tmp_path / "out.json")])

    described = json.loads((tmp_path / "out.json").read_text())
    assert {"flavour", "digest", "signature", "stack"} == set(described)
    assert "" == capfd.readouterr().out
