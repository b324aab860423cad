"""What nginx finds out of each request by `map` and `split_clients`: who it is from, which arm it is for, and who answered.

Variables of a service begin with `$st_` and end with its mark; they are computed when they are used.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from seatrial.adapters.traffic.configured import arms
from seatrial.adapters.traffic.nginx.directives import Directive, block, line, literal
from seatrial.adapters.traffic.proxy import bracketed
from seatrial.records import Backend, Routing
from seatrial.records.traffic import ARM_HEADER, REQUEST_ID_HEADER

_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_COOKIE_DAYS: Final = 365


class Service:
    """A service with the names of its variables and upstreams."""

    def __init__(self, routing: Routing, index: int) -> None:
        self.routing = routing
        self.spec = routing.service
        self.index = index
        self.mark = f"{_NOT_NAME.sub('_', routing.service.name)}_{index}"

    def var(self, name: str) -> str:
        """A variable of its own."""
        return f"$st_{name}_{self.mark}"

    def upstream(self, arm: str) -> str:
        """The servers that an arm's requests go to."""
        return f"st_{arm}_{self.mark}"

    @property
    def arms(self) -> Iterator[tuple[str, Backend, Backend]]:
        """Each arm with what stands in for it."""
        return arms(self.routing)

    @property
    def answers(self) -> bool:
        """Whether there is anybody who could answer."""
        return any(backend.endpoints for _, backend, _ in self.arms)

    @property
    def mirrors(self) -> bool:
        """Whether copies are made."""
        return bool(self.routing.mirror and self.routing.canary and self.routing.canary.endpoints)


def maps(services: Sequence[Service]) -> Iterator[Directive]:
    """All of them."""
    yield block(
        "map",
        f"$http_{REQUEST_ID_HEADER.replace('-', '_')}",
        "$st_id",
        body=[line("~^(?<st_given>[A-Za-z0-9._:-]{1,128})$", "$st_given"), line("default", "$request_id")],
    )
    yield from _addresses(services)
    for service in services:
        yield from _dealing(service)


def _addresses(services: Sequence[Service]) -> Iterator[Directive]:
    """Name, arm and version by the service and the address that answered; the last of several that were tried."""
    rows = {
        (service.spec.name, f"{bracketed(endpoint.host)}:{endpoint.port}"): (
            literal(endpoint.name),
            arm,
            literal(endpoint.version or backend.version),
        )
        for service in services
        for arm, backend, _ in service.arms
        for endpoint in backend.endpoints
    }
    for position, name in enumerate(("$st_endpoint", "$st_served", "$st_version")):
        body = [
            line(f"~^{re.escape(service)}[ ](.*[, ])?{re.escape(address)}$", facts[position])
            for (service, address), facts in rows.items()
        ]
        yield block("map", "$st_service $upstream_addr", name, body=[line("default", ""), *body])


def _dealing(service: Service) -> Iterator[Directive]:
    sticky = service.spec.sticky
    key = "$request_id"
    if sticky is not None:
        given = f"$http_{sticky.name.replace('-', '_').lower()}"
        if sticky.kind == "cookie":
            given = service.var("given")
            yield _cookie(sticky.name, given, f"st_cookie_{service.index}")
        key = service.var("key")
        yield block("map", given, key, body=[line("", "$request_id"), line("default", given)])
        if sticky.kind == "cookie":
            fresh = f"{sticky.name}=$request_id; Path=/; Max-Age={_COOKIE_DAYS * 86400}; HttpOnly; SameSite=Lax"
            yield block("map", given, service.var("cookie"), body=[line("", fresh), line("default", "")])
        yield block("map", given, service.var("unit"), body=_unit(sticky.kind, given))
    yield _split(key, service.var("dealt"), service.routing.weight if service.routing.canary else 0, "canary", "stable")
    chosen = [line("stable", "stable"), *([line("canary", "canary")] if service.routing.canary else [])]
    header = f"$http_{ARM_HEADER.replace('-', '_')}"
    yield block("map", header, service.var("arm"), body=[*chosen, line("default", service.var("dealt"))])
    yield block(
        "map", header, service.var("forced"), body=[*(line(one.words[0], "1") for one in chosen), line("default", "")]
    )
    yield block(
        "map",
        service.var("arm"),
        service.var("upstream"),
        body=[line("canary", service.upstream("canary")), line("default", service.upstream("stable"))],
    )
    if service.mirrors:
        yield _split("copy$request_id", service.var("drawn"), service.routing.mirror, "1", "0")
        yield block("map", "$request_method $uri", service.var("safe"), body=_safe(service))
        both = f"{service.var('drawn')}{service.var('safe')}{service.var('forced')}"
        yield block("map", both, service.var("copied"), body=[line("11", "1"), line("default", "0")])


def _cookie(name: str, variable: str, value: str) -> Directive:
    """A cookie by its name: the variable that nginx has for it can't have a dash in it."""
    found = line(f"~(^|;[ ]*){re.escape(name)}=(?<{value}>[^;]*)", f"${value}")
    return block("map", "$http_cookie", variable, body=[line("default", ""), found])


def _unit(kind: str, given: str) -> list[Directive]:
    """The key as the log tells it: who has no header is nobody, who has no cookie has just got one."""
    return [line("", "$request_id" if kind == "cookie" else ""), line("default", given)]


def _split(key: str, name: str, thousandths: int, inside: str, outside: str) -> Directive:
    if thousandths in {0, 1000}:
        return block("map", "$host", name, body=[line("default", inside if thousandths else outside)])
    share = f"{thousandths // 10}.{thousandths % 10}%"
    return block("split_clients", key, name, body=[line(share, inside), line("*", outside)])


def _safe(service: Service) -> list[Directive]:
    methods = "|".join(re.escape(method) for method in service.spec.safe_methods)
    rules = [line(f"~^({methods}) ", "1")] if methods else []
    for prefix in service.spec.safe_paths:
        end = "" if prefix.endswith("/") else "(/|$)"
        rules.append(line(f"~^[^ ]+ {re.escape(prefix)}{end}", "1"))
    return [*rules, line("default", "0")]
