"""What `.aicoe-ci.yaml` and `.thoth.yaml` say, with their systems' defaults: overlays to deploy and test, and software stacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

AICOE_REGISTRY: Final = "quay.io"
AICOE_REGISTRY_ORG: Final = "thoth-station"
AICOE_PROJECT_NAME: Final = "thoth-application"
OVERLAYS_DIR: Final = "overlays"


@dataclass(frozen=True, slots=True, kw_only=True)
class AicoeBuild:
    """How the image of an overlay is made.

    Attributes:
        strategy: `Source`, `Dockerfile` or `Containerfile`; empty: a Dockerfile or Containerfile is looked for.
        registry_project: empty: the repository's name.
    """

    base_image: str = ""
    strategy: str = ""
    source_script: str = ""
    dockerfile: str = ""
    custom_tag: str = ""
    registry: str = AICOE_REGISTRY
    registry_org: str = AICOE_REGISTRY_ORG
    registry_project: str = ""
    registry_secret: str = ""
    arch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AicoeDeploy:
    """Where the manifests of an overlay are; `context` is the path of its image stream tag."""

    project_org: str = ""
    project_name: str = AICOE_PROJECT_NAME
    image_name: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AicoeGather:
    """Which test gathers the metrics: `behave -i name`, in the environment of another overlay."""

    overlay: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One overlay. It is deployed and tested only if nothing is lacking."""

    name: str
    build: AicoeBuild | None = None
    deploy: AicoeDeploy | None = None
    gather: AicoeGather | None = None

    @property
    def lacking(self) -> tuple[str, ...]:
        """The keys that it would need to be deployed and tested."""
        parts = {"build": self.build, "deploy": self.deploy, "gather": self.gather}
        missing = [key for key, value in parts.items() if value is None]
        nameless = self.gather is not None and not self.gather.name
        return (*missing, *(("gather.name",) if nameless else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AicoeConfig:
    """A whole `.aicoe-ci.yaml`.

    Attributes:
        file: its name.
        overlays: all of them, also those that lack something.
        build, deploy, gather: the top level's, for repositories without overlays.
        notes: sentences on what could not be read: unknown keys, values of the wrong kind.
    """

    file: str
    overlays: tuple[Overlay, ...]
    overlays_dir: str = OVERLAYS_DIR
    check: tuple[str, ...] = ()
    release: tuple[str, ...] = ()
    package_upload: Mapping[str, str] = field(default_factory=dict)
    build: AicoeBuild | None = None
    deploy: AicoeDeploy | None = None
    gather: AicoeGather | None = None
    sibling: tuple[str, ...] = ()
    pytest_env: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> tuple[Overlay, ...]:
        """The overlays that are deployed and tested."""
        return tuple(overlay for overlay in self.overlays if not overlay.lacking)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeEnvironment:
    """One environment of `.thoth.yaml`; empty where it says nothing."""

    name: str
    system: str = ""
    system_version: str = ""
    cpu_family: str = ""
    cpu_model: str = ""
    python: str = ""
    cuda: str = ""
    recommendation: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThothConfig:
    """A whole `.thoth.yaml`.

    Attributes:
        overlays_dir: folder of one folder per environment; empty: they all share the files of the root.
        notes: sentences on what could not be read.
    """

    environments: tuple[RuntimeEnvironment, ...]
    host: str = ""
    tls_verify: bool = True
    requirements_format: str = "pipenv"
    overlays_dir: str = ""
    notes: tuple[str, ...] = ()

    def environment(self, name: str) -> RuntimeEnvironment | None:
        """The environment of this name."""
        return next((each for each in self.environments if each.name == name), None)
