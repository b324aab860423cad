"""From what is wanted of all services to nginx's configuration: a pure function.

nginx has no way to change a share but to read its file again, so all of it is in the file. Shares are dealt by
`split_clients`, whose ranges begin at zero: who is with the canary at 5 % is so at 20 %, too. The servers of the other arm
stand in as `backup`. What answered is told by its address, which `map` turns into name, arm and version.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seatrial.adapters.traffic.configured import longest_request
from seatrial.adapters.traffic.matching import by_host
from seatrial.adapters.traffic.nginx.directives import DOLLAR, Directive, block, line
from seatrial.adapters.traffic.nginx.maps import Service, maps
from seatrial.adapters.traffic.proxy import bracketed
from seatrial.records import Endpoint, GatewaySpec, Routing
from seatrial.records.traffic import ARM_HEADER, REQUEST_ID_HEADER, VERSION_HEADER

LOG_FORMAT: Final = (
    '{"at":"$msec","sv":"$st_service","fo":"$st_forced","as":"$st_assigned","se":"$st_served","ve":"$st_version",'
    '"ep":"$st_endpoint","id":"$st_id","me":"$request_method","pa":"$st_path","un":"$st_unit","co":"$status",'
    '"us":"$request_time","up":"$upstream_response_time","uh":"$upstream_header_time","bs":"$body_bytes_sent","br":"$content_length"}'
)
STATUS_SOCKET: Final = "status.sock"
CONFIG: Final = "nginx.conf"
MIRROR_HEADER: Final = "x-seatrial-mirror"
IN_FORCE: Final = "in-force"
WORKERS: Final = 2
_CONNECT: Final = "2s"
_SET: Final = ("$st_service", "$st_assigned", "$st_forced", "$st_unit", "$st_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where nginx runs.

    Attributes:
        folder: of its files.
        log: the access log.
        generation: of this configuration; what is in force is told by it.
        user: to run as; empty: as whoever starts it.
    """

    spec: GatewaySpec
    folder: Path
    log: Path
    generation: str
    user: str = ""


def render(routings: Mapping[str, Routing], place: Place) -> list[Directive]:
    """The whole file."""
    services = {name: Service(routing, index) for index, (name, routing) in enumerate(routings.items())}
    each = list(services.values())
    return [
        line("daemon", "off"),
        *([line("user", place.user)] if place.user else []),
        line("worker_processes", str(WORKERS)),
        line("worker_shutdown_timeout", f"{round(longest_request(routings))}s"),
        line("pid", str(place.folder / "nginx.pid")),
        line("error_log", "stderr", "warn"),
        block("events", body=[line("worker_connections", "8192")]),
        block("http", body=[*_common(place), *maps(each), *_upstreams(each), *_servers(services, place)]),
    ]


def _common(place: Place) -> Iterator[Directive]:
    yield block("types", body=[])
    yield line("default_type", "application/octet-stream")
    # A dollar that is no variable can't be written any other way.
    yield block("geo", DOLLAR, body=[line("default", "$")])
    yield line("underscores_in_headers", "on")
    yield line("server_tokens", "off")
    yield line("uninitialized_variable_warn", "off")
    yield line("log_format", "seatrial", "escape=json", LOG_FORMAT)
    yield line("access_log", "off")
    # A reload ends connections that wait for a request; kept open, one of them may just be sending it.
    yield line("keepalive_timeout", "0")
    yield line("client_max_body_size", "0")
    yield line("variables_hash_max_size", "16384")
    yield line("variables_hash_bucket_size", "256")
    yield line("map_hash_max_size", "16384")
    yield line("map_hash_bucket_size", "256")
    yield line("server_names_hash_bucket_size", "256")
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        yield line(f"{kind}_temp_path", str(place.folder / "temporary" / kind))


def _upstreams(services: Iterable[Service]) -> Iterator[Directive]:
    for service in services:
        for arm, own, other in service.arms:
            primary, backup = (own.endpoints, other.endpoints) if own.endpoints else (other.endpoints, ())
            if primary:
                servers = [*(_server(one) for one in primary), *(_server(one, "backup") for one in backup)]
                yield block("upstream", service.upstream(arm), body=[*servers, line("keepalive", "64")])
        canary = service.routing.canary
        if service.mirrors and canary is not None:
            yield block("upstream", service.upstream("copies"), body=[_server(one) for one in canary.endpoints])


def _server(endpoint: Endpoint, *more: str) -> Directive:
    return line("server", f"{bracketed(endpoint.host)}:{endpoint.port}", "max_fails=1", "fail_timeout=2s", *more)


def _servers(services: Mapping[str, Service], place: Place) -> Iterator[Directive]:
    for host, specs in by_host([service.spec for service in services.values()]).items():
        # nginx closes what it does not know without an answer unless there is a default server.
        words = [
            "listen",
            f"{bracketed(place.spec.host)}:{place.spec.port}",
            *(["default_server"] if host == "*" else []),
        ]
        yield block(
            "server",
            body=[
                line(*words),
                line("server_name", "_" if host == "*" else host),
                line("access_log", str(place.log), "seatrial"),
                *(one for spec in specs for one in _locations(services[spec.name])),
                *([] if any(spec.prefix == "/" for spec in specs) else [_nobody()]),
                _said("@st_unable", "503", "no replica of this service answers"),
                _said("@st_late", "504", "no answer in time"),
            ],
        )
    yield block(
        "server",
        body=[
            line("listen", f"unix:{STATUS_SOCKET}"),
            line("server_name", "seatrial"),
            line("root", str(place.folder / IN_FORCE / place.generation)),
            # The log's format names these also while there is no service that would set them.
            block("location", "=", "/-", body=[*(line("set", name, "") for name in _SET), line("return", "404")]),
        ],
    )


def _nobody() -> Directive:
    said = '{"error":"no service answers here"}'
    body = [line("access_log", "off"), line("default_type", "application/json"), line("return", "404", said)]
    return block("location", "/", body=body)


def _said(location: str, status: str, error: str) -> Directive:
    """What nginx answers itself."""
    said = f'{{"error":"{error}"}}'
    return block("location", location, body=[line("default_type", "application/json"), line("return", status, said)])


def _locations(service: Service) -> Iterator[Directive]:
    prefix = service.spec.prefix
    body = list(_answering(service) if service.answers else _unable(service))
    if prefix.endswith("/"):
        yield block("location", prefix, body=body)
    else:
        yield block("location", "=", prefix, body=body)
        yield block("location", f"{prefix}/", body=body)
    if service.mirrors:
        yield block("location", "=", f"/-seatrial-copy-{service.mark}", body=list(_copying(service)))


def _facts(service: Service) -> Iterator[Directive]:
    """What the log tells; set here and not for the whole server, where a copy would set it again for its original."""
    yield line("set", "$st_path", "$uri")
    yield line("set", "$st_service", service.spec.name)
    yield line("set", "$st_assigned", service.var("arm"))
    yield line("set", "$st_forced", service.var("forced"))
    yield line("set", "$st_unit", service.var("unit") if service.spec.sticky is not None else "")


def _answering(service: Service) -> Iterator[Directive]:
    yield from _facts(service)
    if service.mirrors:
        yield line("set", "$st_copied", service.var("copied"))
        yield line("mirror", f"/-seatrial-copy-{service.mark}")
    yield line("proxy_pass", f"http://{service.var('upstream')}")
    yield from _proxying(service)
    yield from _trying(service.spec.retries)
    yield line("error_page", "502", "503", "=", "@st_unable")
    yield line("error_page", "504", "=", "@st_late")
    for name, value in ((REQUEST_ID_HEADER, "$st_id"), (ARM_HEADER, "$st_served"), (VERSION_HEADER, "$st_version")):
        yield line("proxy_hide_header", name)
        yield line("add_header", name, value, "always")
    if service.spec.sticky is not None and service.spec.sticky.kind == "cookie":
        yield line("add_header", "set-cookie", service.var("cookie"), "always")


def _trying(retries: int) -> Iterator[Directive]:
    """What was sent is not sent again unless that is wanted, but for what changes nothing: nginx can't tell these apart."""
    if not retries:
        yield line("proxy_next_upstream", "error")
        return
    yield line("proxy_next_upstream", "error", "timeout", "http_502", "http_503", "http_504", "non_idempotent")
    yield line("proxy_next_upstream_tries", str(retries + 1))


def _proxying(service: Service) -> Iterator[Directive]:
    timeout = f"{round(service.spec.timeout * 1000)}ms"
    yield line("proxy_http_version", "1.1")
    yield line("proxy_connect_timeout", _CONNECT)
    yield line("proxy_read_timeout", timeout)
    yield line("proxy_send_timeout", timeout)
    yield line("proxy_set_header", "Host", "$http_host")
    yield line("proxy_set_header", "Connection", "")
    yield line("proxy_set_header", REQUEST_ID_HEADER, "$st_id")
    yield line("proxy_set_header", "X-Forwarded-For", "$proxy_add_x_forwarded_for")
    for name in (ARM_HEADER, VERSION_HEADER, MIRROR_HEADER):
        yield line("proxy_set_header", name, "")


def _copying(service: Service) -> Iterator[Directive]:
    yield line("internal")
    yield block("if", "($st_copied", "=", "0)", body=[line("return", "204")])
    yield line("proxy_pass", f"http://{service.upstream('copies')}$request_uri")
    yield from (one for one in _proxying(service) if one.words[:2] != ("proxy_set_header", MIRROR_HEADER))
    yield line("proxy_set_header", MIRROR_HEADER, "1")


def _unable(service: Service) -> Iterator[Directive]:
    yield from _facts(service)
    yield line("default_type", "application/json")
    yield line("return", "503", '{"error":"no replica of this service runs"}')
