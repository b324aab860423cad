"""Reads `.thoth.yaml`: the runtime environments of a project, each with its Python and, in a folder of its own, its packages."""

from dataclasses import replace
from typing import Final

from seatrial.config.aicoe.nodes import Fields, fields
from seatrial.records import UsageError
from seatrial.records.aicoe import RuntimeEnvironment, ThothConfig

THOTH_NAME: Final = ".thoth.yaml"
_BOT_KEYS: Final = ("managers", "version")


def read_thoth(data: bytes, *, where: str) -> ThothConfig:
    """What the file says.

    Args:
        data: its contents.
        where: its name, for errors and notes.

    Raises:
        UsageError: it is no YAML (with the line), or it has no `runtime_environments:`.
    """
    top = fields(data, where)
    listed = top.sections("runtime_environments")
    if not listed:
        raise UsageError(
            "it names no runtime environments, so there is no software stack to try",
            where=where,
            remedy="add `runtime_environments:`, each with a name and a python_version",
        )
    config = ThothConfig(
        environments=tuple(_environment(entry, number) for number, entry in enumerate(listed, 1)),
        host=top.text("host"),
        tls_verify=top.text("tls_verify").lower() not in {"false", "no", "off"},
        requirements_format=top.text("requirements_format") or "pipenv",
        overlays_dir=top.text("overlays_dir"),
    )
    for key in _BOT_KEYS:
        top.skip(key)
    top.note_unknown()
    return replace(config, notes=tuple(top.notes))


def _environment(entry: Fields, number: int) -> RuntimeEnvironment:
    system, hardware = entry.section("operating_system"), entry.section("hardware")
    environment = RuntimeEnvironment(
        name=entry.text("name") or f"environment-{number}",
        system=system.text("name") if system else "",
        system_version=system.text("version") if system else "",
        cpu_family=hardware.text("cpu_family") if hardware else "",
        cpu_model=hardware.text("cpu_model") if hardware else "",
        python=entry.text("python_version"),
        cuda=entry.text("cuda_version"),
        recommendation=entry.text("recommendation_type"),
        platform=entry.text("platform"),
    )
    for part in (system, hardware, entry):
        if part is not None:
            part.note_unknown()
    return environment
