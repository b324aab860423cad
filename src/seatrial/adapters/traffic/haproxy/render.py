"""From what is wanted of all services to HAProxy's configuration: a pure function.

Who answers is in the file, which a new worker reads while the old one ends; shares are in a map, which a running worker
is told to change. A request draws a number from 0 to 999, by chance or from its user's key, and goes to the canary if it is
below the share: who is there at 5 % is there at 20 %, too. The servers of the other arm stand in as `backup`.

Clients keep their connections to an old worker until its next answer. So that this is an answer by the new rules, a worker
that was told to end passes on what it gets to the address of the gateway, where the new one listens.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seatrial.adapters.traffic.configured import arms, longest_request, other
from seatrial.adapters.traffic.haproxy.control import CONTROL_SOCKET
from seatrial.adapters.traffic.matching import by_host
from seatrial.adapters.traffic.proxy import bracketed
from seatrial.records import Backend, Endpoint, GatewaySpec, Routing, ServiceSpec
from seatrial.records.traffic import ARM_HEADER, REQUEST_ID_HEADER, VERSION_HEADER

CONFIG: Final = "haproxy.cfg"
SHARES: Final = "shares.map"
ENDS: Final = "-"
"""In the map of shares: 1 once there is no new worker that requests could be passed on to."""

MIRROR_HEADER: Final = "x-seatrial-mirror"
_ONWARD: Final = "seatrial:onward"
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_COOKIE_SECONDS: Final = 365 * 86400
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what it means to connect there
_FACTS: Final = {
    "be": "%[var(txn.begin)]",
    "en": "%[date(0,us)]",
    "sv": "%[var(txn.service),json(utf8s)]",
    "fo": "%[var(txn.forced),json(utf8s)]",
    "as": "%[var(txn.assigned),json(utf8s)]",
    "ep": "%s",
    "ve": "%[var(txn.version),bytes(0,128),json(utf8s)]",
    "id": "%[var(txn.id),json(utf8s)]",
    "me": "%[var(txn.method),bytes(0,16),json(utf8s)]",
    "pa": "%[var(txn.path),bytes(0,512),json(utf8s)]",
    "un": "%[var(txn.unit),bytes(0,256),json(utf8s)]",
    "ts": "%ts",
    "bs": "%[var(txn.sent)]",
    "br": "%[var(txn.received)]",
}
_NUMBERS: Final = {"co": "%ST", "tr": "%Tr"}
LOG_FORMAT: Final = (
    "{"
    + ",".join(
        [*(f'"{name}":"{value}"' for name, value in _FACTS.items()), *(f'"{n}":{v}' for n, v in _NUMBERS.items())]
    )
    + "}"
)
_REFUSED_TRIES: Final = 3
_OWN_ANSWERS: Final = {
    502: '{"error":"the replica did not answer well"}',
    503: '{"error":"no replica of this service answers"}',
    504: '{"error":"no answer in time"}',
}
_LINE_BYTES: Final = 4096
"""What is written into a pipe at once stays together up to this length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where HAProxy runs; its working directory is the folder of its files.

    Attributes:
        generation: of this configuration; what is in force is told by it.
    """

    spec: GatewaySpec
    generation: str


def render(routings: Mapping[str, Routing], place: Place) -> str:
    """The whole file."""
    longest = longest_request(routings)
    parts = [
        _section("global", _global(place, longest)),
        _section("defaults", _defaults()),
        _section("frontend gateway", _frontend(routings, place)),
        _section(f"backend {_ONWARD}", _onward(place.spec, longest)),
    ]
    for routing in routings.values():
        for arm, own, stand_in in arms(routing):
            parts.append(
                _section(f"backend {name_of(routing.service.name)}:{arm}", _backend(routing, arm, own, stand_in))
            )
    return "\n".join(parts)


def name_of(service: str) -> str:
    """What a service is called in the file, whatever else is in it."""
    if _NAME.fullmatch(service):
        return service
    return f"{_NOT_NAME.sub('_', service)}.{hashlib.sha256(service.encode()).hexdigest()[:8]}"


def backends_of(service: str) -> tuple[str, ...]:
    """What its arms are called in the file."""
    return tuple(f"{name_of(service)}:{arm}" for arm in ("stable", "canary"))


def shares(routings: Mapping[str, Routing]) -> dict[str, int]:
    """What the map of shares holds; of a service without a canary less than nothing."""
    dealt = {name_of(name): routing.weight if routing.canary else -1 for name, routing in routings.items()}
    return {**dealt, ENDS: 0}


def server_name(endpoint: str, arm: str) -> str:
    """Arm and name, so that a line of the log tells both."""
    return f"{arm}:{endpoint}"


def quoted(value: str) -> str:
    """A word of the file, whatever is in it but control characters."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def said(value: str) -> str:
    """A word that is said as it is where HAProxy fills in values."""
    return quoted(value.replace("%", "%%"))


def _section(head: str, lines: Iterator[str]) -> str:
    return head + "\n" + "".join(f"  {line}\n" for line in lines)


def _global(place: Place, longest: float) -> Iterator[str]:
    yield "expose-experimental-directives"
    yield f"stats socket unix@{CONTROL_SOCKET} mode 600 level admin expose-fd listeners"
    yield "stats timeout 10s"
    # Of two threads that write a line at once, one gives up after a moment, and its line is lost.
    yield "nbthread 1"
    yield f"hard-stop-after {round(longest)}s"
    yield f"description {place.generation}"
    yield f"log stdout len {_LINE_BYTES} format raw local0"
    yield "tune.bufsize 32768"


def _defaults() -> Iterator[str]:
    yield "mode http"
    yield "log global"
    yield "option dontlognull"
    yield "option http-keep-alive"
    # A worker that ends lets each client send its next request, and closes with the answer to that.
    yield "option idle-close-on-response"
    yield "option redispatch 1"
    # A replica need not go on for a client that is gone.
    yield "option abortonclose"
    yield "timeout connect 2s"
    yield "timeout client 75s"
    yield "timeout http-request 30s"
    yield "timeout http-keep-alive 10s"
    yield "timeout server 30s"


def _frontend(routings: Mapping[str, Routing], place: Place) -> Iterator[str]:
    yield f"bind {bracketed(place.spec.host)}:{place.spec.port}"
    yield f"log-format {quoted(LOG_FORMAT)}"
    yield "http-request set-var(txn.begin) date(0,us)"
    yield f"http-request set-var(txn.onward) bool(1) if {{ stopping }} !{{ str({ENDS}),map_str_int({SHARES},0) -m int 1 }}"
    onward = "{ var(txn.onward) -m bool }"
    yield f"http-request set-log-level silent if {onward}"
    yield f"http-request allow if {onward}"
    yield "http-request set-var(txn.method) method"
    # What a backend gets and what a service is found by are the same path.
    yield "http-request normalize-uri percent-decode-unreserved"
    yield "http-request normalize-uri path-strip-dotdot"
    yield "http-request normalize-uri path-merge-slashes"
    yield "http-request set-var(txn.path) path"
    yield "http-request set-var(txn.received) req.hdr(content-length)"
    yield from _request_id()
    for host, specs in by_host([routing.service for routing in routings.values()]).items():
        yield from _matching("" if host == "*" else f"{{ hdr(host),field(1,:) -i -- {quoted(host)} }} ", specs)
    yield (
        "http-request return status 404 content-type application/json string "
        + quoted('{"error":"no service answers here"}')
        + " if !{ var(txn.service) -m found }"
    )
    for name, routing in routings.items():
        yield from _user(routing, f"{{ var(txn.name) -m str {name_of(name)} }}")
    yield from _dealing()
    yield from _answering()
    yield f"use_backend {_ONWARD} if {onward}"
    yield "use_backend %[var(txn.backend)]"


def _onward(spec: GatewaySpec, longest: float) -> Iterator[str]:
    yield "http-reuse never"
    yield "option forwardfor"
    yield f"timeout server {round(longest)}s"
    yield f"server gateway {bracketed(_EVERYWHERE.get(spec.host, spec.host))}:{spec.port}"


def _request_id() -> Iterator[str]:
    header = REQUEST_ID_HEADER
    good = f"{{ req.hdr({header}) -m reg ^[A-Za-z0-9._:-]{{1,128}}$ }}"
    yield f"http-request set-var(txn.id) req.hdr({header}) if {good}"
    yield "http-request set-var(txn.id) uuid() if !{ var(txn.id) -m found }"
    yield f"http-request set-header {header} %[var(txn.id)]"


def _matching(at_host: str, specs: Sequence[ServiceSpec]) -> Iterator[str]:
    """The first that fits; services at a host of their own come before those that answer to all names."""
    free = "!{ var(txn.service) -m found }"
    for spec in specs:
        whole = quoted(spec.prefix if spec.prefix.endswith("/") else spec.prefix + "/")
        fits = [f"if {free} {at_host}{{ path_beg -- {whole} }}"]
        if not spec.prefix.endswith("/"):
            fits.append(f"if {free} {at_host}{{ path -- {quoted(spec.prefix)} }}")
        for fit in fits:
            yield f"http-request set-var(txn.name) str({name_of(spec.name)}) {fit}"
            yield f"http-request set-var(txn.service) str({spec.name}) {fit}"


def _user(routing: Routing, mine: str) -> Iterator[str]:
    sticky = routing.service.sticky
    if sticky is None:
        return
    given = f"req.hdr({sticky.name})" if sticky.kind == "header" else f"req.cook({sticky.name})"
    yield f"http-request set-var(txn.unit) {given} if {mine} {{ {given} -m len gt 0 }}"
    if sticky.kind == "cookie":
        fresh = f"{sticky.name}=%[var(txn.id)]; Path=/; Max-Age={_COOKIE_SECONDS}; HttpOnly; SameSite=Lax"
        yield f"http-request set-var-fmt(txn.cookie) {quoted(fresh)} if {mine} !{{ var(txn.unit) -m found }}"
        yield f"http-request set-var(txn.unit) var(txn.id) if {mine} !{{ var(txn.unit) -m found }}"


def _dealing() -> Iterator[str]:
    yield "http-request set-var(txn.drawn) var(txn.unit),xxh32,mod(1000) if { var(txn.unit) -m found }"
    yield "http-request set-var(txn.drawn) rand(1000) if !{ var(txn.unit) -m found }"
    yield f"http-request set-var(txn.share) var(txn.name),map_str_int({SHARES},-1)"
    yield "http-request set-var(txn.assigned) str(stable)"
    yield "http-request set-var(txn.assigned) str(canary) if { var(txn.drawn),sub(txn.share) -m int lt 0 }"
    chosen = f"req.hdr({ARM_HEADER})"
    for arm, more in (("stable", ""), ("canary", " { var(txn.share) -m int ge 0 }")):
        yield f"http-request set-var(txn.forced) str(1) if {{ {chosen} -m str {arm} }}{more}"
        yield f"http-request set-var(txn.assigned) str({arm}) if {{ {chosen} -m str {arm} }}{more}"
    yield "http-request set-var(txn.backend) var(txn.name),concat(:,txn.assigned)"
    for header in (ARM_HEADER, VERSION_HEADER, MIRROR_HEADER):
        yield f"http-request del-header {header}"


def _answering() -> Iterator[str]:
    yield f"http-after-response set-header {REQUEST_ID_HEADER} %[var(txn.id)] if {{ var(txn.id) -m found }}"
    yield f"http-after-response set-var(txn.version) res.hdr({VERSION_HEADER})"
    yield "http-after-response set-var(txn.sent) res.hdr(content-length)"
    yield "http-after-response add-header set-cookie %[var(txn.cookie)] if { var(txn.cookie) -m found }"


def _backend(routing: Routing, arm: str, own: Backend, stand_in: Backend) -> Iterator[str]:
    spec = routing.service
    yield "balance roundrobin"
    yield f"timeout server {round(spec.timeout * 1000)}ms"
    yield "http-reuse always"
    yield "option forwardfor"
    yield f"option httpchk GET {quoted(spec.health)}"
    yield "http-check expect status 200-399"
    more = " 502 503 504 empty-response response-timeout" if spec.retries else ""
    yield f"retries {spec.retries or _REFUSED_TRIES}"
    yield f"retry-on conn-failure{more}"
    for status, error in _OWN_ANSWERS.items():
        yield f"http-error status {status} content-type application/json string {quoted(error)}"
    for header in (ARM_HEADER, VERSION_HEADER):
        yield f"http-response del-header {header}"
    sides = ((arm, own, ""), (other(arm), stand_in, " backup"))
    for side, backend, _ in sides:
        for endpoint in backend.endpoints:
            here = f"{{ srv_name -m str {server_name(endpoint.name, side)} }}"
            yield f"http-response set-header {ARM_HEADER} {side} if {here}"
            yield f"http-response set-header {VERSION_HEADER} {said(endpoint.version or backend.version)} if {here}"
    for side, backend, backup in sides:
        for endpoint in backend.endpoints:
            yield _server(endpoint, side) + backup


def _server(endpoint: Endpoint, side: str) -> str:
    return (
        f"server {server_name(endpoint.name, side)} {bracketed(endpoint.host)}:{endpoint.port}"
        " check inter 1s fastinter 200ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down pool-purge-delay 2s"
    )
