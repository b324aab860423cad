"""Which models were trained from a version: the registry notes its digest with each of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from seatrial.ports import Registry


def models_by_data(registry: Registry, models: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Ids of model versions by the digest of the data that they were trained on.

    Args:
        registry: that they are in.
        models: only versions of these; empty: of all.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for model in registry.models():
        if not models or model.name in models:
            for version in reversed(registry.versions(model.name)):
                if version.lineage.data:
                    found[version.lineage.data].append(version.id)
    return {digest: tuple(ids) for digest, ids in found.items()}
