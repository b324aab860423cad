"""Which requests go where: what a proxy is asked for, and what it says it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from seatrial.records.window import Arm

THOUSAND = 1000
"""Weights are in thousandths: 200 is 20 %."""

ARM_HEADER = "x-seatrial-arm"
VERSION_HEADER = "x-seatrial-version"
REQUEST_ID_HEADER = "x-request-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One replica that takes requests; `name` is unique in its service and in the access log.

    Attributes:
        version: that this replica runs, and that its answers and log lines name; while a side is being replaced it has
            replicas of two versions. Empty: that of its backend.
    """

    name: str
    host: str
    port: int
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One side of a service: a version and its replicas."""

    version: str
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticky:
    """What keeps a user on one side: a header (a user id, say) or a cookie of this name.

    Who is moved when the weight grows stays moved: ramps are monotone.
    """

    kind: Literal["header", "cookie"]
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A service that the gateway answers for, from `services.NAME` of the configuration.

    Attributes:
        model: its name in the registry.
        replicas, canary_replicas: of stable and of the canary.
        prefix, hosts: which requests are its own: path prefix (kept), and host names (any if none).
        stable_url, canary_url: where the arms are, if something else runs them; then seatrial starts nothing.
        sticky: None: each request is dealt on its own.
        safe_methods: that may be mirrored.
        safe_paths: prefixes whose requests may be mirrored whatever the method (`/predict` changes nothing).
        timeout: seconds until a request is given up.
        retries: how often a request that failed is tried elsewhere; 0: never. A connection that is refused is always tried
            elsewhere, since nothing was sent.
        health: path that tells whether a replica lives.
    """

    name: str
    model: str
    replicas: int = 2
    canary_replicas: int = 1
    prefix: str = "/"
    hosts: tuple[str, ...] = ()
    stable_url: str | None = None
    canary_url: str | None = None
    sticky: Sticky | None = None
    safe_methods: tuple[str, ...] = ("GET", "HEAD", "OPTIONS")
    safe_paths: tuple[str, ...] = ()
    timeout: float = 15.0
    retries: int = 0
    health: str = "/readyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySpec:
    """The proxy before all services of a project.

    Attributes:
        proxy: `envoy`, `nginx` or `haproxy`.
        binary: path of it; None: the one that is installed.
    """

    proxy: str = "envoy"
    host: str = "127.0.0.1"
    port: int = 8080
    binary: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What a proxy shall do with the requests of one service.

    Attributes:
        stable, canary: the arms; no canary: everything goes to stable.
        weight: thousandths of the requests that go to the canary.
        mirror: thousandths of the safe requests that the canary gets a copy of; its answers are dropped.
    """

    service: ServiceSpec
    stable: Backend
    canary: Backend | None = None
    weight: int = 0
    mirror: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What a proxy says that it does with one service's requests.

    Attributes:
        weight, mirror: thousandths.
        stable, canary: version and names of the endpoints; empty where there are none.
    """

    service: str
    weight: int
    mirror: int
    stable_version: str = ""
    canary_version: str = ""
    stable: tuple[str, ...] = ()
    canary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStatus:
    """The proxy itself: whether it runs, since when, at which address, how often it had to be started again."""

    running: bool
    address: str
    kind: str
    version: str = ""
    pid: int | None = None
    restarts: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLine:
    """One request as the gateway saw it: a line of its log, whatever the proxy.

    Attributes:
        time: when it was answered or given up.
        request_id: that is in the prediction log too.
        assigned: the arm that it was dealt to; `served` is the one that answered, another where a side was gone, None where
            nobody did.
        endpoint: name of the replica that answered.
        status: HTTP; 0: no answer was sent.
        seconds: from the first byte received to the last one sent.
        flags: why there was no good answer, in the proxy's words (Envoy's response flags).
        unit: the key of user or session, hashed; empty where there is none.
        mirrored: it is a copy, whose answer nobody got.
        forced: a tester chose the arm by header.
    """

    time: datetime
    service: str
    request_id: str
    method: str
    path: str
    status: int
    seconds: float
    assigned: Arm
    served: Arm | None = None
    version: str = ""
    endpoint: str = ""
    flags: str = ""
    unit: str = ""
    bytes_sent: int = 0
    bytes_received: int = 0
    mirrored: bool = False
    forced: bool = False
    upstream_seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
