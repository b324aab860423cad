"""What things are called in Envoy's configuration, and the words in it that seatrial itself reads again."""

from typing import Final

OWN: Final = "seatrial"
"""Key of seatrial's own facts in the metadata of routes, clusters and endpoints."""

STABLE, CANARY, COPIES = "stable", "canary", "copies"
"""What a cluster is for: an arm's requests, or the copies that the canary gets."""

ROUTES: Final = "gateway"
UNIT: Final = "unit"
UNIT_FILTER: Final = "seatrial.unit"
PROBE_HOST: Final = "seatrial.invalid"
MIRROR_HEADER: Final = "x-seatrial-mirror"

BOOTSTRAP_FILE, CLUSTERS_FILE, ROUTES_FILE = "envoy.json", "clusters.json", "routes.json"
ADMIN_SOCKET, PROBE_SOCKET = "admin.sock", "probe.sock"
TYPE: Final = "@type"
_TYPES: Final = "type.googleapis.com/envoy"

Json = dict[str, object]


def typed(kind: str, /, **fields: object) -> Json:
    """A message of Envoy's with the name of its type: `typed("config.cluster.v3.Cluster", name=…)`."""
    return {TYPE: f"{_TYPES}.{kind}", **fields}


def own(**facts: object) -> Json:
    """Metadata that holds seatrial's own facts."""
    return {"filter_metadata": {OWN: facts}}


def seconds(value: float) -> str:
    """A duration as Envoy reads it."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


def set_header(name: str, value: str) -> Json:
    """Set a header, whatever it was."""
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
