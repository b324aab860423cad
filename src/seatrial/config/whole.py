"""The whole of `seatrial.yaml`, put together from its parts; `docs/reference/configuration.md` is tested against it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from seatrial.config.retrain_schema import HooksInput, RetrainInput
from seatrial.config.schema import (
    BotInput,
    DeploymentInput,
    ForgeInput,
    GatewayInput,
    ModelInput,
    Name,
    NotifyInput,
    RegistryInput,
    ServiceInput,
    Shared,
    SyncInput,
    Text,
    widen,
)
from seatrial.records import Axis


class ProjectInput(Shared):
    """The whole file."""

    name: Name | None = Field(None, description="Name of the project. Default: the folder's.")
    base: Text | None = Field(
        None,
        description="Baseline: a revision or the URL of a service. Default: the merge-base with the default branch.",
    )
    overlay: Text | None = Field(None, description="Folder whose files, laid over the candidate's, make the baseline.")
    axes: dict[Axis, tuple[Text, ...]] = Field({}, description="Path patterns per axis, tried before the defaults.")
    confidence: Annotated[float, Field(ge=0.8, lt=1)] = Field(0.95, description="Of every interval.")
    until: Literal["all", "decided"] = Field("all", description="`decided` stops as soon as the verdict is settled.")
    seed: int = Field(0, description="Of everything random.")
    max_cells: Annotated[int, Field(gt=0, le=1024)] = Field(64, description="Largest number of cells in a plan.")
    deployments: dict[Name, DeploymentInput] = Field(
        {}, description="Deployments, by name. A file that names services may go without."
    )
    registry: Annotated[RegistryInput, BeforeValidator(widen("url"))] = Field(
        RegistryInput(), description="Where models are registered, and their stages."
    )
    models: dict[Name, ModelInput] = Field({}, description="How registered models are promoted and deployed, by name.")
    notify: tuple[Annotated[NotifyInput, BeforeValidator(widen("url"))], ...] = Field(
        (), description="Who is told of trials, promotions and deployments."
    )
    sync: Annotated[SyncInput, BeforeValidator(widen("target"))] | None = Field(
        None, description="Where `seatrial sync` copies the project's code."
    )
    gateway: GatewayInput = Field(GatewayInput(), description="The proxy before the services.")
    services: dict[Name, ServiceInput] = Field({}, description="What the gateway answers for, by name.")
    forge: Annotated[ForgeInput, BeforeValidator(widen("kind"))] | None = Field(
        None, description="Where its pull requests are. Default: as CI's environment tells."
    )
    bot: BotInput | None = Field(None, description="What `seatrial server` does for pull requests. Default: nothing.")
    retrain: dict[Name, RetrainInput] = Field({}, description="Loops of continuous training, by name.")
    hooks: HooksInput = Field(
        HooksInput(), description="Where `seatrial server` takes webhooks that begin a retraining."
    )
