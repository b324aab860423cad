"""The parts of the file that come after a trial: registry, promotion, notices, and where the code goes."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seatrial.config.invalid import InvalidError
from seatrial.config.schema import (
    ModelInput,
    ModelTestInput,
    NotifyInput,
    RegistryInput,
    StageInput,
    SyncInput,
)
from seatrial.config.whole import ProjectInput
from seatrial.records import (
    NotifySpec,
    Project,
    PromotionSpec,
    RegistrySpec,
    StageGate,
    StageRules,
    StageSpec,
    SyncSpec,
    UsageError,
)


def to_registry(given: RegistryInput) -> RegistrySpec:
    """Where models are registered. Raises InvalidError for stages that can't work."""
    rules = StageRules(break_glass=given.break_glass)
    if given.stages is not None:
        rules = StageRules(stages=tuple(_stages(given.stages)), break_glass=given.break_glass)
    return RegistrySpec(url=given.url, artifacts=given.artifacts, ledger=given.ledger, rules=rules)


def _stages(given: dict[str, StageInput]) -> Iterator[StageSpec]:
    names = list(given)
    if len(names) < 2:  # noqa: PLR2004 - one to begin in and one to reach
        raise InvalidError(
            ("registry", "stages"), "a registry needs two stages at least", "name where versions begin first"
        )
    if len({name.casefold() for name in names}) < len(names):
        raise InvalidError(("registry", "stages"), "two stages differ in case only", "give them different names")
    first = given[names[0]]
    if not first.several or first.gate is not StageGate.OPEN or first.people:
        raise InvalidError(
            ("registry", "stages", names[0]),
            "every version begins in the first stage, so it can be neither guarded nor held by one alone",
            "put a stage like `None: {}` before it",
        )
    for name, stage in given.items():
        if stage.displaced_to is not None and stage.displaced_to not in names:
            raise InvalidError(
                ("registry", "stages", name, "displaced_to"),
                f"there is no stage {stage.displaced_to!r}",
                f"the stages are {', '.join(names)}",
            )
        target = given.get(stage.displaced_to or names[0])
        if stage.displaced_to == name or (target is not None and not target.several and not stage.several):
            raise InvalidError(
                ("registry", "stages", name, "displaced_to"),
                "a displaced version has to go to another stage that several may hold",
                "name such a stage, or leave this key out",
            )
        yield StageSpec(
            name=name,
            several=stage.several,
            gate=stage.gate,
            people=stage.people,
            displaced_to=stage.displaced_to or "",
        )


def to_promotions(given: ProjectInput) -> tuple[PromotionSpec, ...]:
    """How each model under `models` is promoted. Raises InvalidError where its deployment or path isn't clear."""
    return tuple(_promotion(name, model, given) for name, model in given.models.items())


def to_servings(given: ProjectInput) -> tuple[PromotionSpec, ...]:
    """How a model that is not under `models` would be promoted: one for each deployment that says what it serves."""
    found = ((name, _served_path(name, given)) for name in given.deployments)
    return tuple(PromotionSpec(model=name, deployment=name, path=path) for name, path in found if path)


def promotion_of(model: str, project: Project) -> PromotionSpec:
    """How a model is promoted: by its entry under `models`, else by the deployment of its name, else by the only one.

    Raises:
        UsageError: nothing says so; the remedy shows what to add.
    """
    named = next((spec for spec in project.promotions if spec.model == model), None)
    if named is not None:
        return named
    deployments = [deployment.name for deployment in project.deployments]
    deployment = _one_for(model, deployments)
    if deployment is None:
        raise _unclear(
            model, f"which deployment serves model {model!r} isn't clear", "deployment", " or ".join(deployments)
        )
    serving = next((spec for spec in project.servings if spec.deployment == deployment), None)
    if serving is None:
        raise _unclear(
            model, f"where deployment {deployment!r} expects the files of {model!r} isn't clear", "path", "…"
        )
    return replace(serving, model=model)


def _unclear(model: str, what: str, key: str, value: str) -> UsageError:
    return UsageError(what, where="seatrial.yaml: models", remedy=f"add models: {{{model}: {{{key}: {value}}}}}")


def _one_for(model: str, deployments: Sequence[str]) -> str | None:
    """The deployment of the model's name, or the only one there is."""
    if model in deployments:
        return model
    return deployments[0] if len(deployments) == 1 else None


def _promotion(name: str, given: ModelInput, project: ProjectInput) -> PromotionSpec:
    deployment = given.deployment or _deployment_for(name, project)
    if deployment not in project.deployments:
        raise InvalidError(
            ("models", name, "deployment"),
            f"there is no deployment {deployment!r}",
            f"there are {', '.join(project.deployments)}",
        )
    return PromotionSpec(
        model=name,
        deployment=deployment,
        path=given.path or _path_for(name, deployment, project),
        tests=None if given.tests is None else tuple(_test(test) for test in given.tests),
    )


def _deployment_for(name: str, project: ProjectInput) -> str:
    deployment = _one_for(name, list(project.deployments))
    if deployment is None:
        raise InvalidError(
            ("models", name),
            "which deployment serves it isn't clear",
            f"add deployment: {' or '.join(project.deployments)}",
        )
    return deployment


def _path_for(name: str, deployment: str, project: ProjectInput) -> str:
    path = _served_path(deployment, project)
    if not path:
        raise InvalidError(
            ("models", name),
            f"where deployment {deployment!r} expects the model's files isn't clear",
            "add path: the file or folder that it loads",
        )
    return path


def _served_path(deployment: str, project: ProjectInput) -> str:
    """The file or folder after `serve:`; empty where the deployment is no model server or loads a Python object."""
    try:
        words = shlex.split(project.deployments[deployment].serve or "")
    except ValueError:  # a quotation mark without its other one: starting it will say so
        return ""
    return words[0] if words and ":" not in words[0] else ""


def _test(given: ModelTestInput) -> tuple[str, str]:
    return ("pytest", given.pytest) if given.pytest is not None else ("behave", given.behave or "")


def to_receivers(given: Sequence[NotifyInput]) -> tuple[NotifySpec, ...]:
    """Who is told what. Raises InvalidError for two receivers of one name."""
    specs: list[NotifySpec] = []
    for place, each in enumerate(given, start=1):
        name = each.name or _receiver(each.url, place)
        if name in {spec.name for spec in specs}:
            raise InvalidError(
                ("notify", place - 1, "name"), f"two receivers are called {name!r}", "give each a name of its own"
            )
        specs.append(NotifySpec(name=name, url=each.url, events=each.events, verdicts=each.verdicts))
    return tuple(specs)


def _receiver(url: str, place: int) -> str:
    """A name that shows nothing of a URL but its scheme."""
    scheme = url.partition("://")[0] if "://" in url else ""
    return f"{scheme}-{place}" if scheme.isalnum() else f"receiver-{place}"


def to_sync(given: SyncInput | None) -> SyncSpec | None:
    """Where the code goes. Raises InvalidError for a folder that would mix branches."""
    if given is None:
        return None
    if "{branch}" not in given.folder:
        raise InvalidError(
            ("sync", "folder"), "without {branch} the branches would overwrite each other", "put {branch} into it"
        )
    return SyncSpec(target=given.target, paths=given.paths, folder=given.folder)
