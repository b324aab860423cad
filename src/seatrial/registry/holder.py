"""Who is to be beaten: the version of a model that a stage is held by."""

from seatrial.ports import Registry
from seatrial.records import ModelVersion


def newest_holder(registry: Registry, model: str, stage: str) -> ModelVersion | None:
    """The newest version in a stage; None for nobody, and for a model that is not known yet. Raises as the registry does."""
    if all(known.name != model for known in registry.models()):
        return None
    return max(registry.holders(model, stage), key=lambda version: version.number, default=None)
