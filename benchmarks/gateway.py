"""What the gateway costs: CPU a request and the 99th percentile, beside nginx and HAProxy that do the plain 80/20.

Run as `python benchmarks/gateway.py` with the extra `gateway` and the dependency group `bench`, and with nginx, haproxy
and wrk installed, on a machine with nothing else to do. Three replicas (two of stable, one canary) are an nginx that
answers from memory, so that what is measured is the proxy. In turns, so that all see the same machine:

1. as fast as wrk goes: requests a second, and CPU time of the proxy's processes a request;
2. 500 requests a second, open loop: p50 and p99 as the client sees them, with the direct way beside.

Compared are the gateway as users get it (Envoy, with access log, request ids, health checks and outlier ejection), plain
Envoy's competitors (nginx's split_clients, HAProxy's weights, no log), and those two as adapters of the gateway (with the
log, weights in thousandths and read-back).
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from seatrial.adapters.clock import SystemClock
from seatrial.adapters.runtime.process import ProcessRuntime
from seatrial.records import (
    Backend,
    BlockSamples,
    Endpoint,
    GatewaySpec,
    PermanentError,
    RequestsSpec,
    Routing,
    ServiceSpec,
)
from seatrial.trial.drive.requests import Request, RequestSet
from seatrial.trial.drive.rounds import Lane, drive

RATE = 500
BODY = b'{"inputs":[1,2,3,4]}'
CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that is measured: where it answers, and its processes."""

    name: str
    url: str
    processes: Callable[[], list[psutil.Process]]


@dataclass(slots=True)
class Figures:
    """Of one proxy, one a round: requests a second, CPU µs a request, milliseconds."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = stack.enter_context(replicas(folder))
        proxies = [proxy for proxy in all_proxies(stack, folder, ports) if proxy is not None]
        figures = {proxy.name: Figures() for proxy in proxies}
        for number in range(given.rounds):
            print(f"round {number + 1} of {given.rounds}", file=sys.stderr)
            for proxy in proxies:
                measure(proxy, figures[proxy.name], given.seconds, folder)
    print_table(figures)


def all_proxies(stack: ExitStack, folder: Path, ports: tuple[int, ...]) -> Iterator[Proxy | None]:
    """The direct way, and every proxy that is installed."""
    yield Proxy("direct", f"http://127.0.0.1:{ports[0]}", list)
    yield stack.enter_context(plain(folder / "nginx", nginx_command, nginx_config(ports), "nginx, plain"))
    yield stack.enter_context(plain(folder / "haproxy", haproxy_command, haproxy_config(ports), "HAProxy, plain"))
    for kind in ("envoy", "haproxy", "nginx"):
        yield stack.enter_context(gateway(folder / f"gateway-{kind}", kind, ports))


@contextmanager
def replicas(folder: Path) -> Iterator[tuple[int, ...]]:
    """The ports of three replicas that answer at once."""
    ports = tuple(free_port() for _ in range(3))
    servers = "\n".join(
        f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{{\"prediction\": 5.5}}'; }} }}"
        for port in ports
    )
    where = folder / "replicas"
    where.mkdir()
    (where / "conf").write_text(nginx_frame(where, f"keepalive_requests 100000000; {servers}"))
    with running(nginx_command(where / "conf")), waiting_for(ports):
        yield ports


def nginx_frame(folder: Path, body: str) -> str:
    """A configuration of nginx with these servers."""
    return (
        f"daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 4096; }}\nhttp {{ access_log off; client_body_temp_path {folder}/body;"
        f" proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;"
        f" scgi_temp_path {folder}/s; {body} }}\n"
    )


def nginx_config(ports: tuple[int, ...]) -> Callable[[Path, int], str]:
    """The plain 80/20 by upstream weights, as people write it."""

    def config(folder: Path, port: int) -> str:
        servers = " ".join(
            f"server 127.0.0.1:{each} weight={weight};" for each, weight in zip(ports, (4, 4, 2), strict=True)
        )
        return nginx_frame(
            folder,
            f"upstream app {{ {servers} keepalive 64; }} server {{ listen 127.0.0.1:{port}; keepalive_requests 100000000;"
            ' location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; } }',
        )

    return config


def haproxy_config(ports: tuple[int, ...]) -> Callable[[Path, int], str]:
    """The plain 80/20 by server weights, as people write it."""

    def config(_: Path, port: int) -> str:
        servers = "\n".join(
            f"  server s{index} 127.0.0.1:{each} weight {weight}"
            for index, (each, weight) in enumerate(zip(ports, (40, 40, 20), strict=True))
        )
        return (
            "global\n  nbthread 2\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
            f"  http-reuse always\nfrontend f\n  bind 127.0.0.1:{port}\n  default_backend b\nbackend b\n"
            f"  balance roundrobin\n{servers}\n"
        )

    return config


def nginx_command(config: Path) -> list[str]:
    """How nginx is started."""
    return ["nginx", "-c", str(config), "-p", str(config.parent)]


def haproxy_command(config: Path) -> list[str]:
    """How HAProxy is started."""
    return ["haproxy", "-f", str(config)]


@contextmanager
def plain(
    folder: Path, command: Callable[[Path], list[str]], config: Callable[[Path, int], str], name: str
) -> Iterator[Proxy]:
    """A proxy with nothing but the split."""
    folder.mkdir()
    port = free_port()
    (folder / "conf").write_text(config(folder, port))
    with running(command(folder / "conf")) as process, waiting_for((port,)):
        yield Proxy(name, f"http://127.0.0.1:{port}", lambda: family(process.pid))


@contextmanager
def gateway(folder: Path, kind: str, ports: tuple[int, ...]) -> Iterator[Proxy | None]:
    """The gateway as users get it; None where this proxy is not one of its adapters or not installed."""
    from seatrial.wiring import open_traffic  # noqa: PLC0415 - not needed by the others

    traffic = open_traffic(GatewaySpec(proxy=kind, port=free_port()), folder)
    try:
        try:
            traffic.keep()
        except PermanentError as error:
            print(f"{kind} is left out: {error.what}", file=sys.stderr)
            yield None
            return
        ends = [Endpoint(name=f"s{index}", host="127.0.0.1", port=port) for index, port in enumerate(ports)]
        traffic.apply(
            Routing(
                service=ServiceSpec(name="wine", model="wine", health="/"),
                stable=Backend(version="1", endpoints=tuple(ends[:2])),
                canary=Backend(version="2", endpoints=(ends[2],)),
                weight=200,
            )
        )
        status = traffic.status()
        yield Proxy(f"gateway ({kind})", status.address, lambda: gateway_family(status.pid or 0, folder))
    finally:
        traffic.stop()


@contextmanager
def running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is ended with the block."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def waiting_for(ports: tuple[int, ...]) -> Iterator[None]:
    """Enter once something listens there."""
    import socket  # noqa: PLC0415

    deadline = time.monotonic() + 10
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    yield


def family(pid: int) -> list[psutil.Process]:
    """A process and its children."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def gateway_family(pid: int, folder: Path) -> list[psutil.Process]:
    """The proxy's processes, and the writer of HAProxy's log."""
    writer = folder / "writer.pid"
    return [*family(pid), *(family(int(writer.read_text())) if writer.exists() else [])]


def free_port() -> int:
    """One that nothing listens on."""
    return ProcessRuntime().free_port()


def measure(proxy: Proxy, figures: Figures, seconds: float, folder: Path) -> None:
    """One round of one proxy."""
    before = used(proxy)
    count, rate = flood(proxy.url, seconds, folder)
    figures.rate.append(rate)
    figures.cpu.append((used(proxy) - before) / count * 1e6)
    p50, p99 = paced(proxy.url, seconds)
    figures.p50.append(p50)
    figures.p99.append(p99)


def used(proxy: Proxy) -> float:
    """CPU seconds of its processes."""
    return sum(sum(process.cpu_times()[:2]) for process in proxy.processes())


def flood(url: str, seconds: float, folder: Path) -> tuple[int, float]:
    """As fast as wrk goes: how many requests were answered, and how many a second."""
    script = folder / "post.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{BODY.decode()}'\nwrk.headers['Content-Type'] = 'application/json'\n"
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-s", str(script), f"{url}/predict"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if re.search(r"Non-2xx|Socket errors", told):
        raise SystemExit(f"{url} did not answer well:\n{told}")
    count, rate = re.search(r"(\d+) requests in", told), re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert count is not None
    assert rate is not None
    return int(count[1]), float(rate[1])


def paced(url: str, seconds: float) -> tuple[float, float]:
    """At a fixed rate, open loop: p50 and p99 in milliseconds, from when each request was due."""
    requests = RequestSet(tuple(Request(BODY, 1, None, {}) for _ in range(100)), "sha256:0", labelled=True)
    blocks: list[BlockSamples] = []
    lane = Lane(
        cell="gateway@benchmark",
        deployment="gateway",
        base_url=url,
        spec=RequestsSpec(file="", rate=RATE, count=int(RATE * seconds), warmup=100, block=1.0),
        requests=requests,
        alive=lambda: True,
        usage=lambda: None,
    )
    drive(
        [lane],
        seed=0,
        clock=SystemClock(),
        on_block=blocks.append,
        stop=lambda _: False,
        on_lane_lost=lambda cell, _: sys.exit(f"{cell} was lost"),
    )
    samples = [sample for block in blocks for sample in block.samples]
    failed = sum(sample.error is not None for sample in samples)
    if failed:
        raise SystemExit(f"{failed} of {len(samples)} requests to {url} failed")
    p50, p99 = np.percentile([sample.latency * 1e3 for sample in samples], [50, 99])
    return float(p50), float(p99)


def print_table(figures: Mapping[str, Figures]) -> None:
    """One line a proxy; ratios are to nginx, round by round."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians of rounds (min … max)\n")
    print("| proxy | requests/s | CPU µs a request | of plain nginx's | p50 ms at 500/s | p99 ms at 500/s |")
    print("|---|---:|---:|---:|---:|---:|")
    base = figures["nginx, plain"].cpu
    for name, found in figures.items():
        ratio = [own / other for own, other in zip(found.cpu, base, strict=True)]
        cells = [
            spread(found.rate, 0),
            spread(found.cpu, 0),
            spread(ratio, 2),
            spread(found.p50, 2),
            spread(found.p99, 2),
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print(json.dumps({name: [statistics.median(found.cpu)] for name, found in figures.items()}), file=sys.stderr)


def spread(values: list[float], decimals: int) -> str:
    """`12 (11 … 14)`."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{decimals}f} ({low:,.{decimals}f} … {high:,.{decimals}f})"


if __name__ == "__main__":
    main()
