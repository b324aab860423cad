"""Reads `.aicoe-ci.yaml` and the older `.aicoe.yaml`. What is lacking or unknown is noted, so that nothing is dropped in silence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seatrial.config.aicoe.nodes import Fields, fields
from seatrial.records import UsageError
from seatrial.records.aicoe import (
    AICOE_PROJECT_NAME,
    AICOE_REGISTRY,
    AICOE_REGISTRY_ORG,
    OVERLAYS_DIR,
    AicoeBuild,
    AicoeConfig,
    AicoeDeploy,
    AicoeGather,
    Overlay,
)

AICOE_NAMES: Final = (".aicoe-ci.yaml", ".aicoe.yaml")


def read_aicoe(data: bytes, *, where: str) -> AicoeConfig:
    """What the file says.

    Args:
        data: its contents.
        where: its name, for errors and notes.

    Raises:
        UsageError: it is no YAML (with the line), or it has no `overlays:`.
    """
    top = fields(data, where)
    listed = top.sections("overlays")
    if not listed:
        raise UsageError(
            "it names no overlays, so there is nothing to deploy and test",
            where=where,
            remedy="add `overlays:`, each with name, build, deploy and gather; or write a seatrial.yaml",
        )
    overlays = _distinct([_overlay(entry, number) for number, entry in enumerate(listed, 1)], where, top.notes)
    config = AicoeConfig(
        file=where,
        overlays=tuple(overlays),
        overlays_dir=top.text("overlays_dir") or OVERLAYS_DIR,
        check=top.texts("check"),
        release=top.texts("release"),
        package_upload=top.mapping("package-upload"),
        build=_build(top.section("build")),
        deploy=_deploy(top.section("deploy")),
        gather=_gather(top.section("gather")),
        sibling=top.texts("sibling"),
        pytest_env=top.texts("pytest-env"),
    )
    top.note_unknown()
    return replace(config, notes=tuple(top.notes))


def _overlay(entry: Fields, number: int) -> Overlay:
    name = entry.text("name")
    if not name:
        name = f"overlay-{number}"
        entry.notes.append(f"{entry.path} has no name and is called {name}")
    overlay = Overlay(
        name=name,
        build=_build(entry.section("build")),
        deploy=_deploy(entry.section("deploy")),
        gather=_gather(entry.section("gather")),
    )
    entry.note_unknown()
    return overlay


def _distinct(overlays: Sequence[Overlay], where: str, notes: list[str]) -> list[Overlay]:
    """The overlays with a number after a name that was taken."""
    taken: dict[str, Overlay] = {}
    for overlay in overlays:
        name, number = overlay.name, 2
        while name in taken:
            name, number = f"{overlay.name}-{number}", number + 1
        if name != overlay.name:
            notes.append(f"{where}: the name {overlay.name} is given twice; the later overlay is called {name}")
        taken[name] = replace(overlay, name=name)
    return list(taken.values())


def _build(given: Fields | None) -> AicoeBuild | None:
    if given is None:
        return None
    build = AicoeBuild(
        base_image=given.text("base-image"),
        strategy=given.text("build-strategy", "build-stratergy"),
        source_script=given.text("build-source-script"),
        dockerfile=given.text("dockerfile-path"),
        custom_tag=given.text("custom-tag", "custom_tag"),
        registry=given.text("registry") or AICOE_REGISTRY,
        registry_org=given.text("registry-org") or AICOE_REGISTRY_ORG,
        registry_project=given.text("registry-project"),
        registry_secret=given.text("registry-secret"),
        arch=given.text("arch"),
    )
    given.note_unknown()
    return build


def _deploy(given: Fields | None) -> AicoeDeploy | None:
    if given is None:
        return None
    deploy = AicoeDeploy(
        project_org=given.text("project-org"),
        project_name=given.text("project-name") or AICOE_PROJECT_NAME,
        image_name=given.text("image-name"),
        context=given.text("overlay-contextpath"),
    )
    given.note_unknown()
    return deploy


def _gather(given: Fields | None) -> AicoeGather | None:
    if given is None:
        return None
    gather = AicoeGather(overlay=given.text("overlay-name"), name=given.text("name"))
    given.note_unknown()
    return gather
