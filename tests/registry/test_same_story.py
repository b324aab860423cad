"""Whatever is done to them, the fake and the real registry tell the same story, line by line and digest by digest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.ports import Registry
from seatrial.records import Actor, SeatrialError, Verdict
from seatrial.registry.history import standing_at
from seatrial.registry.ledger import verify
from seatrial.testing import MemoryRegistry
from tests.registry.registering import GLASS, after, by_hand, draft, evidence, model_file, promotion, sql_registry

Deed = Callable[[Registry, Path, int], Any]
models = st.sampled_from(["wine", "digits"])
numbers = st.integers(1, 3)
stages = st.sampled_from(["None", "Staging", "Production"])


def _register(model: str) -> Deed:
    return lambda registry, folder, turn: registry.register(
        draft(model, created=after(turn), tags={"turn": str(turn)}), model_file(folder, str(turn))
    )


def _by_hand(model: str, number: int, to: str, glass: bool) -> Deed:  # noqa: FBT001 - drawn
    return lambda registry, _, turn: registry.move(
        by_hand(
            registry.version(model, number),
            to,
            at=after(turn),
            break_glass=glass,
            reason="fire" if glass else "",
            actor=Actor(name="bob"),
        )
    )


def _promote(model: str, number: int, verdict: Verdict, expected: tuple[int, ...] | None, run: int) -> Deed:
    def promote(registry: Registry, _: Path, turn: int) -> Any:
        version = registry.version(model, number)
        registry.keep(evidence(version, f"run-{run}", verdict=verdict))
        return registry.move(promotion(version, f"run-{run}", at=after(turn), expected=expected))

    return promote


deeds = st.lists(
    st.one_of(
        st.builds(_register, models),
        st.builds(_by_hand, models, numbers, stages, st.booleans()),
        st.builds(
            _promote,
            models,
            numbers,
            st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.FAIL]),
            st.sampled_from([None, (), (1,), (2,)]),
            st.integers(1, 4),
        ),
    ),
    min_size=4,
    max_size=12,
)


def outcome(deed: Deed, registry: Registry, folder: Path, turn: int) -> Any:
    """What came of it: the result, or the whole message."""
    try:
        return deed(registry, folder, turn)
    except SeatrialError as error:
        return f"{type(error).__name__} {error}"


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=deeds)
def test_both_registries_tell_the_same_story(tmp_path_factory: pytest.TempPathFactory, story: list[Deed]) -> None:
    """Results, refusals, versions and ledger are equal; nothing is wrong with them, and each guarded stage has one holder."""
    folder = tmp_path_factory.mktemp("story")
    memory = MemoryRegistry(GLASS)
    with sql_registry(f"sqlite:///{folder / 'registry.db'}", folder, GLASS) as real:
        for turn, deed in enumerate([_register("wine"), _register("wine"), _register("digits"), *story]):
            fake, found = (outcome(deed, registry, folder, turn) for registry in (memory, real))
            assert (list(fake) if isinstance(fake, list | tuple) else fake) == (
                list(found) if isinstance(found, list | tuple) else found
            )

        assert list(memory.ledger()) == list(real.ledger())
        assert list(memory.models()) == list(real.models())
        for model in ("wine", "digits"):
            assert list(memory.versions(model)) == list(real.versions(model))
            assert len(real.holders(model, "Production")) <= 1
        for registry in (memory, real):
            books = registry.books()
            assert () == verify(books, GLASS)
            told = {(held.model, held.number): held.stage for held in standing_at(books.entries, after(99))}
            assert dict(books.stages) == told
