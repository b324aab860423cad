"""The validated project: what `seatrial.yaml` says, with every default filled in.

`config/` makes it; inside, values are already right.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from seatrial.records.bot import BotSpec
from seatrial.records.change import Axis
from seatrial.records.deployment import DeploymentSpec
from seatrial.records.forge import ForgeSpec
from seatrial.records.notice import NotifySpec
from seatrial.records.promotion import PromotionSpec
from seatrial.records.registry import RegistrySpec
from seatrial.records.release import ReleaseSpec
from seatrial.records.retrain import RetrainSpec
from seatrial.records.sync import SyncSpec
from seatrial.records.traffic import GatewaySpec, ServiceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A whole `seatrial.yaml`.

    Attributes:
        base: default of `--base`: a revision or URL; None means the merge-base with the default branch.
        overlay: folder (relative to the project) whose files, laid over the candidate's tree, make the baseline.
        axes: path patterns per axis, first match wins, in the order of the mapping.
        confidence: of every reported interval (0.95).
        until: `all` drives every request; `decided` stops as soon as the verdict is settled.
        seed: of everything random.
        max_cells: cap of a plan.
        registry: where models are registered, and their stages.
        promotions: how each model is promoted, as far as the file says.
        servings: for every other model: what each deployment that serves a file would make of it, by its own name.
        notify: who is told what.
        sync: where the project's code goes; None if nowhere.
        gateway: the proxy before the services.
        services: what the gateway answers for.
        releases: how each service is released, by its name.
        forge: where its repository is; None where CI's environment or git tells.
        bot: what `seatrial server` does for pull requests; None if nothing.
        retrainings: the loops of continuous training.
        hooks: address for the webhooks of loops.
    """

    name: str
    deployments: tuple[DeploymentSpec, ...]
    base: str | None = None
    overlay: str | None = None
    axes: Mapping[Axis, tuple[str, ...]] = field(default_factory=dict)
    confidence: float = 0.95
    until: Literal["all", "decided"] = "all"
    seed: int = 0
    max_cells: int = 64
    registry: RegistrySpec = field(default_factory=RegistrySpec)
    promotions: tuple[PromotionSpec, ...] = ()
    servings: tuple[PromotionSpec, ...] = ()
    notify: tuple[NotifySpec, ...] = ()
    sync: SyncSpec | None = None
    gateway: GatewaySpec = field(default_factory=GatewaySpec)
    services: tuple[ServiceSpec, ...] = ()
    releases: Mapping[str, ReleaseSpec] = field(default_factory=dict)
    forge: ForgeSpec | None = None
    bot: BotSpec | None = None
    retrainings: tuple[RetrainSpec, ...] = ()
    hooks: tuple[str, int] = ("127.0.0.1", 8301)
