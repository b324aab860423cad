"""Which engine follows from a verdict and from what was asked for."""

import pytest

from seatrial.records import UsageError
from seatrial.records.serving import Engine
from seatrial.serve.compile.verdict import Verdict, choose_engine
from seatrial.serve.options import EngineOption


@pytest.mark.parametrize(
    ("option", "equal", "faster", "engine"),
    [
        (EngineOption.AUTO, True, True, Engine.ONNX),
        (EngineOption.AUTO, True, False, Engine.NATIVE),
        (EngineOption.AUTO, False, False, Engine.NATIVE),
        (EngineOption.AUTO, False, True, Engine.NATIVE),
        (EngineOption.ONNX, True, True, Engine.ONNX),
        (EngineOption.ONNX, True, False, Engine.ONNX),
        (EngineOption.NATIVE, True, True, Engine.NATIVE),
    ],
)
def test_the_engine(option: EngineOption, equal: bool, faster: bool, engine: Engine) -> None:  # noqa: FBT001 - a table
    """`auto` wants it equal and faster, `onnx` equal, `native` nothing."""
    verdict = Verdict(equal=equal, faster=faster, reason="So it is.", evidence={"rows": 3})
    choice = choose_engine(option, verdict, model="m.joblib")
    assert (engine, {"rows": 3}) == (choice.engine, choice.evidence)


def test_an_unequal_model_that_is_demanded_is_an_error() -> None:
    """`--engine onnx` fails with the reason, the model and a way out."""
    verdict = Verdict(equal=False, faster=False, reason="Row 7 is answered 2, not 1.")
    with pytest.raises(UsageError, match="Row 7 is answered 2, not 1") as caught:
        choose_engine(EngineOption.ONNX, verdict, model="m.joblib")
    assert "m.joblib" == caught.value.where
    assert "--engine auto" in caught.value.remedy
