"""Answers of the Open Inference Protocol are MLServer's, so that clients can switch.

`mlserver.json` holds what MLServer 1.7.1 with its scikit-learn runtime answered over HTTP to each question, for a ridge
regression, a classifier of integers and one of strings, beside what the models themselves said.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seatrial.records.serving import Signature
from seatrial.serve.codec import Codec, Refused
from seatrial.serve.model import Outputs
from tests.serve.protocols.models import JSON_HEADERS, as_body, numbers, v2

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("mlserver.json").read_text(encoding="utf-8"))["cases"]
CLASSES: dict[str, tuple[Any, ...]] = {"reg": (), "cls": (0, 1), "txt": ("no", "yes")}


def named(case: dict[str, Any]) -> str:
    """For the list of tests."""
    return f"{case['model']}: {case['case']}"


def codec(case: dict[str, Any]) -> Codec:
    """That of the model."""
    signature: Signature = numbers(3, classes=CLASSES[case["model"]])
    return v2(signature)


def outputs(case: dict[str, Any]) -> Outputs:
    """What the model said."""
    return Outputs(np.array(case["predict"]), np.array(case["predict_proba"]) if "predict_proba" in case else None)


@pytest.mark.parametrize("case", [case for case in CASES if case["status"] == 200], ids=named)
def test_the_answer_is_that_of_mlserver(case: dict[str, Any]) -> None:
    """To the letter, the name and version of the model aside; and the model gets the same rows."""
    asked = codec(case).decode(as_body(case["question"]), JSON_HEADERS)
    assert np.array_equal(np.array(case["rows"]), np.asarray(asked.batch, dtype=float))
    answer = json.loads(codec(case).encode(asked, outputs(case), 0, 0.1).body)
    assert {**case["answer"], "model_name": "wine", "model_version": "7"} == answer
    assert [*case["answer"]] == [*answer]


@pytest.mark.parametrize("case", [case for case in CASES if case["status"] != 200], ids=named)
def test_what_mlserver_refuses_is_refused(case: dict[str, Any]) -> None:
    """With its status, and an error that clients find at the same place."""
    found = codec(case)
    try:
        found.encode(found.decode(as_body(case["question"]), JSON_HEADERS), outputs(case), 0, 0.1)
    except Refused as refused:
        made = found.refuse(refused)
        assert case["status"] == made.status
        assert [*case["answer"]] == [*json.loads(made.body)]
    else:
        raise AssertionError(case["case"])
