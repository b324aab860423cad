"""What came of compiling a model, and what follows from it for the engine that was asked for.

The verdict does not depend on the option, so that one compilation serves `auto` and `onnx` alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.records.errors import UsageError
from seatrial.records.serving import Engine, EngineChoice, Signature
from seatrial.serve.options import EngineOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the compiled model may answer, and whether it should.

    Attributes:
        equal: it answers as the original does; False also where there is none.
        faster: for one row, and not slower for a batch.
        reason: one sentence.
        evidence: see `EngineChoice`.
    """

    equal: bool
    faster: bool
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What came of it.

    Attributes:
        onnx: the bytes of the ONNX file; None unless it is equal to the original.
        signature: with the categories as choices where the original refuses all others.
        verdict: why it should answer, or why not.
    """

    onnx: bytes | None
    signature: Signature
    verdict: Verdict


def choose_engine(option: EngineOption, verdict: Verdict, *, model: str) -> EngineChoice:
    """The engine that answers.

    Args:
        option: what was asked for.
        verdict: on the compiled model.
        model: named in the error.

    Raises:
        UsageError: ONNX is demanded, and there is no equal compiled model; with the figures.
    """
    if option is EngineOption.NATIVE:
        return EngineChoice(engine=Engine.NATIVE, reason="The native engine was asked for.", evidence=verdict.evidence)
    if option is EngineOption.ONNX and not verdict.equal:
        raise UsageError(
            f"--engine onnx is not possible: {verdict.reason}",
            where=model,
            remedy="serve it with --engine auto or native, or raise --tolerance if the difference is harmless",
        )
    taken = verdict.equal and (verdict.faster or option is EngineOption.ONNX)
    return EngineChoice(
        engine=Engine.ONNX if taken else Engine.NATIVE, reason=verdict.reason, evidence=verdict.evidence
    )
