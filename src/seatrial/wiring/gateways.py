"""The proxy before the services, and its log."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.wiring.deployments import process_runtime

if TYPE_CHECKING:
    from seatrial.gateway.log.keeper import LogKeeper
    from seatrial.gateway.tools import GatewayTools
    from seatrial.ports import (
        Traffic,
    )
    from seatrial.records import (
        AccessLine,
        GatewaySpec,
    )


@contextmanager
def open_gateway(
    project: Path,
    *,
    busy: "Callable[[str], str]" = lambda _: "",
    phases: "Callable[[], Mapping[str, str]]" = dict,
) -> "Iterator[GatewayTools]":
    """The gateway of a project, which may have no services yet; nothing is started by this.

    Args:
        project: its folder.
        busy: why a service's share must not be changed by hand, in words; empty if it may.
        phases: the phase of the release of each service that is being released, for `/metrics`.
    """
    import logging
    from functools import partial

    from seatrial.adapters.clock import SystemClock
    from seatrial.adapters.page import Page
    from seatrial.deployments.book import open_book
    from seatrial.deployments.server import server_pid
    from seatrial.gateway.facts import KeeperFacts
    from seatrial.gateway.keep import Keeper, KeeperMeans
    from seatrial.gateway.metrics import Exposition, Meters, answer
    from seatrial.gateway.orders import Orders
    from seatrial.gateway.setup import SetupReader
    from seatrial.gateway.sight import Sight
    from seatrial.gateway.tools import GatewayTools, metrics_port
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    clock = SystemClock()
    orders, meters = Orders(root / "gateway" / "orders"), Meters()
    book = open_book(root)
    try:
        keeper = Keeper(
            KeeperMeans(
                read=SetupReader(project, clock),
                open=partial(open_traffic, folder=root / "gateway"),
                look=Sight(book, clock),
                orders=orders,
                clock=clock,
                busy=busy,
            )
        )
        facts = KeeperFacts(keeper=keeper, book=book, clock=clock, released=phases)
        page = Page(
            lambda: metrics_port(keeper.setup),
            partial(answer, Exposition(meters, facts)),
            logging.getLogger("seatrial.server").warning,
        )
        yield GatewayTools(
            keeper=keeper,
            orders=orders,
            meters=meters,
            facts=facts,
            clock=clock,
            duties=(keeper, page),
            busy=busy,
            server=lambda: server_pid(root),
        )
    finally:
        book.close()


@contextmanager
def open_access_log(
    project: Path,
    traffic: "Callable[[], Traffic | None]",
    *,
    seconds: "Callable[[], Mapping[str, float]]" = dict,
    observe: "Callable[[AccessLine], None]" = lambda _: None,
) -> "Iterator[LogKeeper]":
    """The keeper of the gateway's access log, a duty of the server; its book has the windows of all services.

    Args:
        project: its folder.
        traffic: the proxy; None while there is none.
        seconds: length of the windows of each service that has another than ten seconds.
        observe: is told of each request, once.
    """
    from seatrial.adapters.clock import SystemClock
    from seatrial.gateway.log.book import Book
    from seatrial.gateway.log.keeper import LogKeeper, LogMeans
    from seatrial.trial.workspace import open_workspace

    root = open_workspace(project).root
    book = Book(root / "gateway")
    try:
        means = LogMeans(
            traffic=traffic,
            seconds=seconds,
            clock=SystemClock(),
            telemetry=root / "telemetry",
            observe=observe,
        )
        yield LogKeeper(book, means)
    finally:
        book.close()


def open_traffic(spec: "GatewaySpec", folder: Path) -> "Traffic":
    """The proxy before the services; nothing is started by this.

    Args:
        spec: which, and where it listens.
        folder: where it keeps its files.

    Raises:
        UsageError: no such proxy is known.
    """
    from seatrial.records import UsageError

    try:
        make = _PROXIES[spec.proxy]
    except KeyError:
        known = ", ".join(sorted(_PROXIES))
        raise UsageError(
            f"there is no proxy {spec.proxy!r}", where="seatrial.yaml: gateway.proxy", remedy=f"known: {known}"
        ) from None
    return make(spec, folder)


def _envoy(spec: "GatewaySpec", folder: Path) -> "Traffic":
    from seatrial.adapters.traffic.envoy.traffic import EnvoyTraffic

    return _proxy(EnvoyTraffic, spec, folder)


def _nginx(spec: "GatewaySpec", folder: Path) -> "Traffic":
    from seatrial.adapters.traffic.nginx.traffic import NginxTraffic

    return _proxy(NginxTraffic, spec, folder)


def _haproxy(spec: "GatewaySpec", folder: Path) -> "Traffic":
    from seatrial.adapters.traffic.haproxy.traffic import HaproxyTraffic

    return _proxy(HaproxyTraffic, spec, folder)


def _proxy(make: "Callable[..., Traffic]", spec: "GatewaySpec", folder: Path) -> "Traffic":
    import hashlib

    from seatrial.adapters.clock import SystemClock

    mark = f"gateway-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    return make(spec=spec, folder=folder, runtime=process_runtime(), clock=SystemClock(), mark=mark)


_PROXIES = {"envoy": _envoy, "nginx": _nginx, "haproxy": _haproxy}
