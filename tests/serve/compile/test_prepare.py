"""From a file to the engine that answers: child process, cache, and every way in which it may go wrong."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from seatrial.records import UsageError
from seatrial.records.serving import Engine
from seatrial.serve.compile.metadata import read_signature
from seatrial.serve.compile.prepare import discard, export_onnx, look_up, prepare
from seatrial.serve.loaders import digest_of, open_onnx
from seatrial.serve.loaders.packages import require
from seatrial.serve.model import Outputs
from seatrial.serve.options import EngineOption, ServeOptions
from tests.serve.compile.models import amounts, numbers


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fitted models."""
    folder = tmp_path_factory.mktemp("models")
    inputs = numbers()
    target = amounts(inputs)
    joblib.dump(make_pipeline(StandardScaler(), Ridge()).fit(inputs, target), folder / "ridge.joblib")
    joblib.dump(DecisionTreeRegressor(random_state=0).fit(inputs, target), folder / "tree.joblib")
    joblib.dump(make_pipeline(FunctionTransformer(np.abs), Ridge()).fit(inputs, target), folder / "odd.joblib")
    joblib.dump(KNeighborsRegressor().fit(inputs, target), folder / "neighbours.joblib")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, so that each model is compiled once."""
    return tmp_path_factory.mktemp("cache")


def options(shelf: Path, cache: Path | None, model: str = "ridge.joblib", **more: Any) -> ServeOptions:
    """Options for one of the models."""
    return ServeOptions(model=str(shelf / model), cache=cache, **more)


def test_a_compiled_model_answers_as_the_original(shelf: Path, cache: Path) -> None:
    """The file that is handed to the server holds an equal model and its signature."""
    prepared = prepare(options(shelf, cache))
    assert Engine.ONNX == prepared.choice.engine, prepared.choice.reason
    assert prepared.onnx is not None
    rows = numbers(5, seed=9)
    outputs = open_onnx(prepared.onnx, prepared.signature).predict(rows.tolist())
    assert isinstance(outputs, Outputs)
    expected = joblib.load(shelf / "ridge.joblib").predict(rows)
    np.testing.assert_allclose(np.asarray(outputs.predictions), expected, rtol=1e-12)
    assert digest_of(shelf / "ridge.joblib") == prepared.digest
    assert {"onnxruntime", "scikit-learn", "numpy"} <= set(prepared.stack)
    assert any("runs the code" in warning for warning in prepared.warnings)


def test_the_second_start_compiles_nothing(shelf: Path, cache: Path) -> None:
    """An earlier verdict is taken from the cache, and says so."""
    prepare(options(shelf, cache))
    again = look_up(options(shelf, cache))
    assert again is not None
    assert (Engine.ONNX, True) == (again.choice.engine, again.choice.evidence["cached"])


def test_the_second_start_imports_no_scikit_learn(shelf: Path, cache: Path) -> None:
    """A fresh process with a filled cache answers with numpy and onnxruntime alone."""
    prepare(options(shelf, cache))
    program = (
        "import sys; from pathlib import Path\n"
        "from seatrial.serve.compile.prepare import prepare\n"
        "from seatrial.serve.loaders import open_onnx\n"
        "from seatrial.serve.options import ServeOptions\n"
        "prepared = prepare(ServeOptions(model=sys.argv[1], cache=Path(sys.argv[2])))\n"
        "open_onnx(prepared.onnx, prepared.signature).predict([[1.0] * 6])\n"
        "print([name for name in ('sklearn', 'skl2onnx', 'onnx', 'joblib', 'scipy', 'pandas') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, shelf / "ridge.joblib", cache], capture_output=True, text=True, check=True
    )
    assert "[]\n" == said.stdout


@pytest.mark.slow
def test_this_process_never_imports_skl2onnx(shelf: Path, tmp_path: Path) -> None:
    """The compilation itself happens elsewhere."""
    program = (
        "import sys; from pathlib import Path\n"
        "from seatrial.serve.compile.prepare import prepare\n"
        "from seatrial.serve.options import ServeOptions\n"
        "choice = prepare(ServeOptions(model=sys.argv[1], cache=Path(sys.argv[2]))).choice\n"
        "print(choice.engine.value, [name for name in ('sklearn', 'skl2onnx', 'onnx') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, shelf / "tree.joblib", tmp_path], capture_output=True, text=True, check=True
    )
    assert "onnx []\n" == said.stdout


@pytest.mark.slow
def test_what_cannot_be_compiled_is_remembered_as_well(shelf: Path, cache: Path) -> None:
    """A model without a converter stays native, with the reason, and the next start doesn't try again."""
    first = prepare(options(shelf, cache, "odd.joblib"))
    assert (Engine.NATIVE, None, False) == (first.choice.engine, first.onnx, first.choice.evidence["cached"])
    assert "FunctionTransformer" in first.choice.reason
    again = look_up(options(shelf, cache, "odd.joblib"))
    assert again is not None
    assert (first.choice.reason, True) == (again.choice.reason, again.choice.evidence["cached"])


@pytest.mark.slow
def test_onnx_demanded_but_impossible_is_an_error(shelf: Path, cache: Path) -> None:
    """`--engine onnx` never falls back silently."""
    with pytest.raises(UsageError, match="FunctionTransformer"):
        prepare(options(shelf, cache, "odd.joblib", engine=EngineOption.ONNX))


@pytest.mark.slow
def test_onnx_demanded_but_unequal_tells_the_figures(shelf: Path, cache: Path) -> None:
    """Row, both answers, difference and tolerance stand in the error."""
    with pytest.raises(UsageError, match=r"row \d+ is answered .*difference .*tolerance 1e-15"):
        prepare(options(shelf, cache, "tree.joblib", engine=EngineOption.ONNX, tolerance=1e-15))


def test_another_tolerance_is_another_verdict(shelf: Path, cache: Path) -> None:
    """What was equal within one tolerance isn't taken for equal within another."""
    prepare(options(shelf, cache))
    assert None is look_up(options(shelf, cache, tolerance=1e-4))


def test_a_changed_signature_is_another_verdict(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """The signature file belongs to the entry, wherever it lies."""
    prepare(options(shelf, cache))
    file = tmp_path / "signature.yaml"
    file.write_text("output: {name: quality}\n")
    assert None is look_up(options(shelf, cache, signature=file))


@pytest.mark.slow
def test_a_signature_file_reaches_the_compiled_model(shelf: Path, tmp_path: Path) -> None:
    """Names and ranges from the owner's file are those of the compiled model."""
    file = tmp_path / "signature.yaml"
    file.write_text("name: wine\ninputs: [a, b, c, d, e, f]\noutput: {name: quality}\n")
    prepared = prepare(options(shelf, tmp_path / "cache", signature=file))
    assert prepared.signature is not None
    assert ("wine", "quality", list("abcdef")) == (
        prepared.name,
        prepared.signature.output,
        [field.name for field in prepared.signature.fields],
    )


def test_native_needs_nothing() -> None:
    """`--engine native` doesn't even look at the model."""
    prepared = prepare(ServeOptions(model="not/there.joblib", engine=EngineOption.NATIVE))
    assert (Engine.NATIVE, None) == (prepared.choice.engine, prepared.onnx)


def test_an_onnx_file_is_what_it_is(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """A model that is ONNX already is opened as it is, and may be demanded."""
    export_onnx(options(shelf, cache), tmp_path / "model.onnx")
    prepared = prepare(ServeOptions(model=str(tmp_path / "model.onnx"), engine=EngineOption.ONNX))
    assert (Engine.ONNX, None) == (prepared.choice.engine, prepared.onnx)


def test_other_libraries_stay_native(tmp_path: Path) -> None:
    """A model of another library is answered for at once, without a child."""
    (tmp_path / "model.txt").write_text("tree\nversion=v4\n")
    prepared = prepare(ServeOptions(model=str(tmp_path / "model.txt")))
    assert Engine.NATIVE == prepared.choice.engine
    assert "lightgbm" in prepared.choice.reason
    with pytest.raises(UsageError, match="lightgbm"):
        prepare(ServeOptions(model=str(tmp_path / "model.txt"), engine=EngineOption.ONNX))


def test_a_model_that_cannot_be_opened_is_the_loaders_error(tmp_path: Path) -> None:
    """What the loader says in the child is what the user reads."""
    (tmp_path / "broken.joblib").write_bytes(b"this is no pickle")
    with pytest.raises(UsageError) as caught:
        prepare(ServeOptions(model=str(tmp_path / "broken.joblib"), cache=tmp_path / "cache"))
    assert str(tmp_path / "broken.joblib") in caught.value.where
    assert [] == list((tmp_path / "cache").iterdir())


def test_an_untrusted_model_is_not_opened(shelf: Path, cache: Path) -> None:
    """A pinned digest counts for the compiler and for its cache."""
    prepare(options(shelf, cache))
    with pytest.raises(UsageError, match="trusted"):
        prepare(options(shelf, cache, trusted_digests=("sha256:0",)))
    trusted = look_up(options(shelf, cache, trusted_digests=(digest_of(shelf / "ridge.joblib"),)))
    assert trusted is not None
    assert Engine.ONNX == trusted.choice.engine


def test_a_compilation_that_takes_too_long_is_given_up(shelf: Path, tmp_path: Path) -> None:
    """After the time limit the native engine answers, the reason says so, and nothing is remembered."""
    prepared = prepare(options(shelf, tmp_path), seconds=0.05)
    assert Engine.NATIVE == prepared.choice.engine
    assert "longer than 0.05 s" in prepared.choice.reason
    assert [] == list(tmp_path.iterdir())


@pytest.fixture
def broken_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model whose class kills the process that opens it."""
    (tmp_path / "deadly.py").write_text(
        "import os\nclass Model:\n    def __reduce__(self):\n        return os._exit, (7,)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    joblib.dump(importlib.import_module("deadly").Model(), tmp_path / "deadly.joblib")
    return str(tmp_path / "deadly.joblib")


def test_a_child_that_breaks_leaves_the_native_engine(broken_module: str, tmp_path: Path) -> None:
    """A crash in the child is a reason, not a crash of the server; `--engine onnx` makes it an error."""
    asked = ServeOptions(model=broken_module, cache=tmp_path / "cache")
    prepared = prepare(asked)
    assert Engine.NATIVE == prepared.choice.engine
    assert "exit code 7" in prepared.choice.reason
    with pytest.raises(UsageError, match="exit code 7"):
        prepare(replace(asked, engine=EngineOption.ONNX))


@pytest.mark.slow
def test_modules_of_the_model_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class that this process can import is found by the child as well."""
    (tmp_path / "ours.py").write_text("from sklearn.linear_model import Ridge\nclass Ours(Ridge):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    inputs = numbers()
    joblib.dump(importlib.import_module("ours").Ours().fit(inputs, amounts(inputs)), tmp_path / "ours.joblib")
    prepared = prepare(ServeOptions(model=str(tmp_path / "ours.joblib"), cache=tmp_path / "cache"))
    assert "Ours has no converter" in prepared.choice.reason


@pytest.mark.slow
def test_without_a_cache_it_is_compiled_for_this_run(shelf: Path, tmp_path: Path) -> None:
    """A cache that can't be made costs a warning and a compilation at each start, no more."""
    (tmp_path / "file").write_text("")
    prepared = prepare(options(shelf, tmp_path / "file" / "cache"))
    assert Engine.ONNX == prepared.choice.engine
    assert prepared.temporary is not None
    assert prepared.onnx == prepared.temporary / "model.onnx"
    assert any("can't be kept" in warning for warning in prepared.warnings)
    discard(prepared)
    assert not prepared.temporary.exists()


@pytest.mark.slow
def test_a_users_sample_is_checked_too(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """Rows from a file, by position or by name, are compared besides the sampled ones."""
    file = tmp_path / "sample.json"
    file.write_text(json.dumps([[1.0] * 6, {f"x{index}": 2.0 for index in range(6)}]))
    assert 1002 == prepare(options(shelf, cache), sample=file).choice.evidence["rows"]


@pytest.mark.slow
def test_a_sample_of_another_width_is_refused(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """A row of another model is told with its number."""
    file = tmp_path / "sample.npy"
    np.save(file, np.ones((3, 2)))
    with pytest.raises(UsageError, match="row 0 of the sample doesn't have 6 values"):
        prepare(options(shelf, cache), sample=file)


def test_an_exported_file_serves_alone(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """The file says its own signature, and is made readable for others."""
    target = tmp_path / "out.onnx"
    choice = export_onnx(options(shelf, cache), target)
    assert Engine.ONNX == choice.engine
    session = require("onnxruntime", install="seatrial[onnx]").InferenceSession(str(target))
    signature = read_signature(session.get_modelmeta().custom_metadata_map)
    assert signature == open_onnx(target).signature
    assert 0o644 == target.stat().st_mode & 0o777
    assert ["out.onnx"] == [each.name for each in tmp_path.iterdir()]


def test_an_export_to_nowhere_is_an_error(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """A folder that isn't there is told with its name."""
    with pytest.raises(UsageError, match="can't be written") as caught:
        export_onnx(options(shelf, cache), tmp_path / "nowhere" / "out.onnx")
    assert "nowhere" in caught.value.where


def test_an_onnx_file_is_not_exported_again(shelf: Path, cache: Path, tmp_path: Path) -> None:
    """There is nothing to compile in an ONNX file."""
    export_onnx(options(shelf, cache), tmp_path / "one.onnx")
    with pytest.raises(UsageError, match="ONNX file already"):
        export_onnx(ServeOptions(model=str(tmp_path / "one.onnx")), tmp_path / "two.onnx")


@pytest.mark.slow
def test_a_slower_model_stays_native_unless_demanded(shelf: Path, cache: Path) -> None:
    """Equal but not faster: `auto` keeps the original, `onnx` takes the compiled one; both from one verdict."""
    asked = options(shelf, cache, "neighbours.joblib")
    chosen = prepare(asked).choice
    demanded = look_up(replace(asked, engine=EngineOption.ONNX))
    assert demanded is not None
    assert Engine.ONNX == demanded.choice.engine
    assert ("but not faster" in chosen.reason) == (Engine.NATIVE == chosen.engine)
