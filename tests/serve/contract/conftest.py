"""Running servers, each asked by several modules."""

from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest

from tests.serve.contract import fitted
from tests.serve.contract.served import write_classes, write_two_inputs
from tests.serve.running import Server, serving


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with fitted models, a network and classes."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("ridge", "grade"):
        joblib.dump(fitted.models()[name], folder / f"{name}.joblib")
    write_two_inputs(folder / "two.onnx")
    return write_classes(folder)


@pytest.fixture(scope="session")
def ridge(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A regression of three numbers, served as `ridge`, version v1."""
    folder = tmp_path_factory.mktemp("ridge")
    with serving(folder, str(models / "ridge.joblib"), "--version", "v1", "--engine", "native") as server:
        yield server


@pytest.fixture(scope="session")
def grade(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A classifier of three named columns, served as `grade`, version v1."""
    folder = tmp_path_factory.mktemp("grade")
    with serving(folder, str(models / "grade.joblib"), "--version", "v1", "--engine", "native") as server:
        yield server


@pytest.fixture(scope="session")
def two(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A network with two inputs and two outputs, served as `two`, version v1."""
    with serving(tmp_path_factory.mktemp("two"), str(models / "two.onnx"), "--version", "v1") as server:
        yield server


@pytest.fixture(scope="session")
def shop(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A class that takes any JSON, served as `shop`, version v1."""
    arguments = ("models:Shop", "--name", "shop", "--version", "v1")
    with serving(tmp_path_factory.mktemp("shop"), *arguments, cwd=models) as server:
        yield server
