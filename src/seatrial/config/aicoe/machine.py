"""What a runtime environment asks of a machine that this one does not give, in words: a trial runs where it is started."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.records.aicoe import RuntimeEnvironment

_NVIDIA = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """This machine's operating system (`debian`, `12`), and whether it has a driver for CUDA."""

    name: str
    version: str
    cuda: bool


def this_system() -> System:
    """The machine that seatrial runs on."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        facts = {}
    name = facts.get("ID") or platform.system().lower()
    return System(name=name, version=facts.get("VERSION_ID", ""), cuda=_NVIDIA.exists())


def not_honoured(environment: RuntimeEnvironment, system: System) -> Iterator[str]:
    """One sentence for each thing that is not as the environment asks."""
    name = f"environment {environment.name}"
    asked = f"{environment.system} {environment.system_version}".strip()
    here = f"{system.name} {system.version}".strip()
    if environment.system and not _same_system(environment, system):
        yield f"{name} asks for {asked}; it runs on this machine's system, {here}"
    if environment.cuda and not system.cuda:
        yield f"{name} asks for CUDA {environment.cuda}; this machine has no NVIDIA driver"
    elif environment.cuda:
        yield f"{name} asks for CUDA {environment.cuda}; it gets what this machine's driver offers"
    hardware = [
        environment.cpu_family and f"family {environment.cpu_family}",
        environment.cpu_model and f"model {environment.cpu_model}",
    ]
    if any(hardware):
        yield f"{name} asks for a CPU of {', '.join(filter(None, hardware))}; it runs on this machine's"
    if environment.platform and environment.platform != _platform():
        yield f"{name} asks for {environment.platform}; this machine is {_platform()}"
    if environment.recommendation:
        yield f"{name}: nothing is recommended ({environment.recommendation}): what is locked is installed"


def _same_system(environment: RuntimeEnvironment, system: System) -> bool:
    same_version = environment.system_version in {"", system.version, system.version.split(".")[0]}
    return environment.system.lower() == system.name and same_version


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()
