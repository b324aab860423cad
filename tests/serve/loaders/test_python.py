"""Python classes as models."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.records import PermanentError, UsageError
from seatrial.records.serving import Form, Kind
from seatrial.serve.loaders import Opened, Route, digest_of
from seatrial.serve.model import Outputs, is_async
from tests.serve.loaders.makers import answers, opened


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current directory; modules that a test imports from it are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def serve(here: Path, body: str, name: str = "shop") -> Opened:
    """The class `Model` with this body, in a module of its own."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (here / f"{name}.py").write_text(f"import asyncio\n\nclass Model:\n{lines}")
    return opened(f"{name}:Model")


def test_a_class_gets_json_and_gives_json(here: Path) -> None:
    """A list with one answer for each row."""
    model = serve(here, "def predict(self, batch):\n    return [{'likes': row['user'] * 2} for row in batch]")
    assert [{"likes": 4}, {"likes": 6}] == answers(model, [{"user": 2}, {"user": 3}]).predictions
    assert ("python", None, Form.JSON) == (model.flavour, model.artifact, model.predictor.signature.form)
    assert digest_of(here / "shop.py") == model.digest


@pytest.mark.parametrize("load", ["def load(self):", "async def load(self):"])
def test_load_is_called_once(here: Path, load: str) -> None:
    """Before the first row, whether it is a coroutine or not."""
    body = f"calls = 0\n{load}\n    self.calls += 1\ndef predict(self, batch):\n    return [self.calls for _ in batch]"
    model = serve(here, body, name=f"shop{len(load)}")
    answers(model, [1])
    assert [1, 1] == answers(model, [1, 2]).predictions


def test_a_coroutine_is_awaited(here: Path) -> None:
    """The server sees that it is one."""
    model = serve(here, "async def predict(self, batch):\n    await asyncio.sleep(0)\n    return batch")
    assert is_async(model.predictor)
    assert [1, 2] == asyncio.run(answers(model, [1, 2])).predictions


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("batch[:-1]", "predict returned 1 answers for 2 rows"),
        ("batch + batch", "predict returned 4 answers for 2 rows"),
        ("'both'", "predict returned a str, not a list"),
        ("{'a': [1, 2], 'b': [1]}", "predict returned 1 answers for 2 rows"),
        ("None", "predict returned a NoneType, not a list"),
    ],
)
def test_another_number_of_answers_is_an_error(here: Path, answer: str, message: str) -> None:
    """Answers would belong to the wrong rows."""
    model = serve(here, f"def predict(self, batch):\n    return {answer}")
    with pytest.raises(PermanentError, match=message) as raised:
        answers(model, [1, 2])
    assert "shop:Model.predict" == raised.value.where


def test_named_arrays_are_several_outputs(here: Path) -> None:
    """The first of them is the prediction."""
    outputs = answers(
        serve(here, "def predict(self, batch):\n    return {'a': batch, 'b': [0 for _ in batch]}"), [1, 2]
    )
    assert [1, 2] == list(outputs.predictions)
    assert ["a", "b"] == list(outputs.arrays)


def test_outputs_go_through_as_they_are(here: Path) -> None:
    """For classes that give probabilities."""
    body = (
        "def predict(self, batch):\n    from seatrial.serve.model import Outputs\n"
        "    return Outputs(predictions=batch, probabilities=[[1.0]])"
    )
    outputs = answers(serve(here, body), [7])
    assert isinstance(outputs, Outputs)
    assert [[1.0]] == outputs.probabilities


def test_a_signature_makes_named_columns(here: Path) -> None:
    """They come as mappings, as the JSON did without one."""
    body = (
        "signature = {'inputs': {'age': {'type': 'integer', 'minimum': 0}, 'town': {'type': 'string'}}, 'output': 'risk'}\n"
        "def predict(self, batch):\n    return [row['town'] * row['age'] for row in batch]"
    )
    model = serve(here, body)
    signature = model.predictor.signature
    assert ["xx"] == answers(model, [[2, "x"]]).predictions
    assert [Kind.INTEGER, Kind.STRING] == [field.kind for field in signature.fields]
    assert "risk" == signature.output


def test_a_signature_of_a_vector_gives_an_array(here: Path) -> None:
    """Rows of numbers without names."""
    body = "signature = {'inputs': {'count': 3}}\ndef predict(self, batch):\n    return batch.sum(axis=1)"
    model = serve(here, body)
    np.testing.assert_array_equal([6.0, 3.0], answers(model, [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]).predictions)


def test_a_signature_file_may_be_named(here: Path) -> None:
    """It takes the place of the class's silence."""
    serve(here, "def predict(self, batch):\n    return [row['a'] for row in batch]")
    (here / "said.json").write_text('{"inputs": ["a"], "version": "3"}')
    model = opened("shop:Model", signature=here / "said.json")
    assert [5.0] == answers(model, [[5.0]]).predictions
    assert "3" == model.version


def test_routes_are_templates(here: Path) -> None:
    """With the names of their parameters."""
    body = (
        "routes = ['GET /recommend/{user}', 'POST /shops/{shop}/users/{user}']\n"
        "def predict(self, batch):\n    return [row['user'] for row in batch]"
    )
    model = serve(here, body)
    expected = (
        Route(method="GET", path="/recommend/{user}", parameters=("user",)),
        Route(method="POST", path="/shops/{shop}/users/{user}", parameters=("shop", "user")),
    )
    assert expected == model.endpoints
    assert ["42"] == answers(model, [{"user": "42"}]).predictions


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ("'GET /a'", "no list"),
        ("['/a']", "is no route"),
        ("['get /a']", "is no route"),
        ("['GET a']", "is no route"),
        ("['GET /a/{b']", "can't be understood"),
        ("['GET /a/x{b}']", "can't be understood"),
        ("['GET /a?b=c']", "can't be understood"),
        ("['GET /{b}/{b}']", "twice"),
        ("['GET /a', 'GET /a']", "twice"),
        ("[3]", "is no route"),
    ],
)
def test_routes_that_mean_nothing_are_refused(here: Path, routes: str, message: str) -> None:
    """When the class is opened."""
    with pytest.raises(UsageError, match=message):
        serve(here, f"routes = {routes}\ndef predict(self, batch):\n    return batch")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "has no predict"),
        (
            "def __init__(self, path):\n    pass\ndef predict(self, batch):\n    return batch",
            r"TypeError.*in Model\(\)",
        ),
        ("def load(self):\n    1 / 0\ndef predict(self, batch):\n    return batch", r"ZeroDivisionError.*in load\(\)"),
        ("import vanished_package\ndef predict(self, batch):\n    return batch", "needs the package vanished_package"),
        ("1 / 0", "can't be imported: ZeroDivisionError"),
    ],
)
def test_classes_that_can_not_be_used_are_refused(here: Path, body: str, message: str) -> None:
    """With the class's own error."""
    with pytest.raises(UsageError, match=message):
        serve(here, body)


def test_missing_modules_and_classes_are_told(here: Path) -> None:
    """With what is there."""
    serve(here, "def predict(self, batch):\n    return batch")
    with pytest.raises(UsageError, match="the module shop has no Modell") as raised:
        opened("shop:Modell")
    assert "its classes: Model" == raised.value.remedy
    with pytest.raises(UsageError, match="there is no module nowhere"):
        opened("nowhere.at_all:Model")


def test_an_object_may_stand_in_place_of_a_class(here: Path) -> None:
    """It is used as it is."""
    (here / "ready.py").write_text(
        "class Model:\n    def predict(self, batch):\n        return batch\nmodel = Model()\n"
    )
    assert [1] == answers(opened("ready:model"), [1]).predictions


def test_tensors_come_by_name(here: Path) -> None:
    """As the signature's shapes say."""
    body = (
        "signature = {'inputs': {'image': {'shape': [None, 2]}}}\n"
        "def predict(self, batch):\n    return batch['image'].sum(axis=1)"
    )
    outputs: Any = answers(serve(here, body), {"image": np.ones((4, 2))})
    np.testing.assert_array_equal([2.0] * 4, outputs.predictions)
