"""Which library a model is for."""

from pathlib import Path

import pytest

from seatrial.records import UsageError
from seatrial.serve.loaders import identify
from tests.serve.loaders.makers import write


@pytest.mark.parametrize(
    ("name", "content", "flavour"),
    [
        ("forest.joblib", b"x", "sklearn"),
        ("forest.pkl", b"x", "sklearn"),
        ("forest.pickle", b"x", "sklearn"),
        ("forest.skops", b"PK\x03\x04", "sklearn"),
        ("net.onnx", b"\x08", "onnx"),
        ("trees.ubj", b"{L\x00\x07learner", "xgboost"),
        ("trees.xgb", b"{L\x00\x07learner", "xgboost"),
        ("trees.json", b'{"learner":{}}', "xgboost"),
        ("trees.txt", b"tree\nversion=v4", "lightgbm"),
        ("trees.lgb", b"tree\nversion=v4", "lightgbm"),
        ("net.pt", b"PK\x03\x04", "torch"),
        ("net.pt2", b"PK\x03\x04", "torch"),
    ],
)
def test_files_are_known_by_their_suffix_and_first_bytes(
    tmp_path: Path, name: str, content: bytes, flavour: str
) -> None:
    """Nothing is imported for it: the files hold no models."""
    (tmp_path / name).write_bytes(content)
    assert flavour == identify(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("config.json", b'{"a": 1}', "XGBoost"),
        ("notes.txt", b"hello", "LightGBM"),
        ("weights.pt", b"\x80\x02", "torch"),
        ("forest.skops", b"\x80\x02", "scikit-learn"),
        ("forest.joblib", b"", "scikit-learn"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, name: str, content: bytes, title: str) -> None:
    """The error says what it isn't."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"this is no .*{title}"):
        identify(str(tmp_path / name))


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    """So that the owner sees how to save the model."""
    (tmp_path / "net.h5").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"end with \.h5") as raised:
        identify(str(tmp_path / "net.h5"))
    assert ".joblib" in raised.value.remedy
    assert "module:Class" in raised.value.remedy


def test_a_missing_file_suggests_the_one_that_was_meant(tmp_path: Path) -> None:
    """A misspelt name is the usual reason."""
    (tmp_path / "forest.joblib").write_bytes(b"x")
    with pytest.raises(UsageError, match="there is no model") as raised:
        identify(str(tmp_path / "forrest.joblib"))
    assert f"did you mean {tmp_path / 'forest.joblib'}?" == raised.value.remedy


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    """Rather than a list of suffixes."""
    with pytest.raises(UsageError) as raised:
        identify(str(tmp_path / "models" / "forest.joblib"))
    assert f"there is no directory {tmp_path / 'models'} either" == raised.value.remedy


@pytest.mark.parametrize("reference", ["app:Model", "my.service:Recommender", "_a.b1:C_2"])
def test_a_reference_names_a_python_class(reference: str) -> None:
    """Whether it is there is seen when it is imported."""
    assert identify(reference) == "python"


@pytest.mark.parametrize(
    ("files", "flavour"),
    [
        ({"MLmodel": "flavors: {}", "model.pkl": "x"}, "mlflow"),
        ({"scaler.joblib": "x", "model.skops": "PK"}, "sklearn"),
        ({"model.onnx": "x", "signature.json": "{}", "requirements.txt": "numpy"}, "onnx"),
    ],
)
def test_directories_are_known_by_what_lies_in_them(tmp_path: Path, files: dict[str, str], flavour: str) -> None:
    """Other texts beside the model don't count."""
    assert flavour == identify(write(tmp_path, files))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"readme.md": "x"}, "no model is in this directory"),
        ({"a.onnx": "x", "b.joblib": "x"}, r"several models: a\.onnx, b\.joblib"),
    ],
)
def test_directories_that_leave_a_doubt_are_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(UsageError, match=message):
        identify(write(tmp_path, files))


def test_the_description_of_an_mlflow_model_points_to_its_directory(tmp_path: Path) -> None:
    """Since the directory is the model."""
    with pytest.raises(UsageError) as raised:
        identify(write(tmp_path, {"MLmodel": "x"}) / "MLmodel")
    assert f"serve {tmp_path}" == raised.value.remedy
