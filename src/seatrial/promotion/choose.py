"""Which versions are promoted, where to, and how they are tried."""

from dataclasses import replace
from pathlib import Path

from seatrial.config.registering import promotion_of
from seatrial.ports import Registry
from seatrial.promotion.wish import Order, Wish
from seatrial.records import ModelVersion, Project, PromotionSpec, StageRules, StageSpec, UsageError

MODEL_TEST = "src/model/tests/test_model.py"


def choose(wish: Wish, project: Project, folder: Path, registry: Registry) -> Order:
    """What a wish comes down to.

    Args:
        wish: what was asked for.
        project: what its file says.
        folder: where it is.
        registry: where the versions are.

    Raises:
        UsageError: there is no such model, version or stage, nobody is there to be promoted, or how is not clear.
    """
    rules = project.registry.rules
    target = _target(wish, rules)
    versions = _versions(wish, rules, target, registry)
    spec = promotion_of(wish.model, project)
    return Order(
        numbers=tuple(sorted(version.number for version in versions)),
        stage=target.name,
        spec=replace(spec, tests=_tests(spec, folder)),
    )


def _target(wish: Wish, rules: StageRules) -> StageSpec:
    target = rules.aimed_at(wish.to)
    if target.name == rules.initial:
        raise UsageError(
            f"every version begins in {target.name}; nothing is promoted to it",
            where="--to",
            remedy=f"name another stage: {', '.join(stage.name for stage in rules.stages[1:])}",
        )
    return target


def _versions(wish: Wish, rules: StageRules, target: StageSpec, registry: Registry) -> list[ModelVersion]:
    if wish.version is None:
        return _waiting(wish, rules, target, registry)
    version = registry.version(wish.model, wish.version)
    if version.stage == target.name:
        raise UsageError(
            f"{version.id} is in {target.name} already",
            where=wish.model,
            remedy=f"seatrial models history {wish.model} says since when",
        )
    return [version]


def _waiting(wish: Wish, rules: StageRules, target: StageSpec, registry: Registry) -> list[ModelVersion]:
    """The versions in the source stage. Raises UsageError if there are none."""
    source = rules.get(wish.source) if wish.source else _before(target, rules)
    if source.name == target.name:
        raise UsageError(f"{source.name} can't be promoted to itself", where="--from", remedy="name an earlier stage")
    versions = list(registry.holders(wish.model, source.name))
    if versions:
        return versions
    raise UsageError(
        f"no version of {wish.model} is in {source.name}",
        where=wish.model,
        remedy=f"put one there: seatrial models stage {wish.model}@N {source.name}; or name one: --version N",
    )


def _before(target: StageSpec, rules: StageRules) -> StageSpec:
    """The stage before the target in the project's order."""
    names = [stage.name for stage in rules.stages]
    return rules.stages[names.index(target.name) - 1]


def _tests(spec: PromotionSpec, folder: Path) -> tuple[tuple[str, str], ...]:
    """The project's tests for the model: those that it names, else the one in the customary place."""
    if spec.tests is not None:
        return spec.tests
    return (("pytest", MODEL_TEST),) if (folder / MODEL_TEST).is_file() else ()
