"""What Envoy is started with: its doors, its log, and where the rest of its configuration is.

One door for all services, one for its administration and one that answers which version of the routes is in force; the
latter two are sockets in the gateway's folder that only this user can open.
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from seatrial.adapters.traffic.envoy.lines import LOG_FORMAT
from seatrial.adapters.traffic.envoy.names import (
    ADMIN_SOCKET,
    CLUSTERS_FILE,
    MIRROR_HEADER,
    OWN,
    PROBE_SOCKET,
    ROUTES,
    ROUTES_FILE,
    UNIT_FILTER,
    Json,
    seconds,
    typed,
)
from seatrial.adapters.traffic.logs import CURRENT
from seatrial.records import GatewaySpec, UsageError
from seatrial.records.traffic import VERSION_HEADER

HEADERS_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 300.0
FETCH_SECONDS: Final = 5.0
MOST_CONNECTIONS: Final = 50_000
_PRIVATE: Final = 0o600
_STATS: Final = ("cluster_manager.", "http.", "listener_manager.", "server.")
_HTTP: Final = "extensions.filters.http"
ENVOY_HEADERS: Final = (
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-max-retries",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
)
"""By these anybody could set how often and how long a request is tried."""


def bootstrap(spec: GatewaySpec, folder: Path) -> Json:
    """The configuration that Envoy is started with.

    Args:
        spec: of the gateway.
        folder: absolute; its working directory, in which are its sockets and files.

    Raises:
        UsageError: its host is a name, not an address.
    """
    return {
        "node": {"id": OWN, "cluster": OWN},
        "admin": {"address": _socket(ADMIN_SOCKET)},
        "dynamic_resources": {"cds_config": _from_file(folder / CLUSTERS_FILE)},
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [{"prefix": one} for one in _STATS]}}},
        "overload_manager": {"resource_monitors": [_connections()]},
        "static_resources": {"listeners": [_listener(spec, folder), _probe(folder)]},
    }


def listener_address(host: str) -> str:
    """The address to listen at. Raises UsageError for a name other than localhost."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError:
        raise UsageError(
            f"{host!r} is no address of this machine",
            where="seatrial.yaml: gateway.host",
            remedy="write an IP address, as 127.0.0.1 or 0.0.0.0",
        ) from None


def _listener(spec: GatewaySpec, folder: Path) -> Json:
    address = {"address": listener_address(spec.host), "port_value": spec.port}
    manager = _manager(
        ROUTES,
        folder,
        early_header_mutation_extensions=[
            {
                "name": "strip",
                "typed_config": typed(
                    "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    mutations=[{"remove": name} for name in (MIRROR_HEADER, VERSION_HEADER, *ENVOY_HEADERS)],
                ),
            }
        ],
        local_reply_config={
            "body_format": {
                "json_format": {
                    "error": "%LOCAL_REPLY_BODY%",
                    "status": "%RESPONSE_CODE%",
                    "request_id": "%REQ(x-request-id)%",
                },
                "content_type": "application/json",
            }
        },
        access_log=[
            {
                "name": "envoy.access_loggers.file",
                "typed_config": typed(
                    "extensions.access_loggers.file.v3.FileAccessLog",
                    path=CURRENT,
                    log_format={"json_format": LOG_FORMAT, "omit_empty_values": True},
                ),
            }
        ],
    )
    # Shared ports would let a second gateway take half of the first one's requests without a word.
    return _door(ROUTES, {"socket_address": address}, manager) | {"enable_reuse_port": False}


def _probe(folder: Path) -> Json:
    return _door("probe", _socket(PROBE_SOCKET), _manager("probe", folder))


def _door(name: str, address: Json, manager: Json) -> Json:
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"name": name, "address": address, "filter_chains": [chain]}


def _manager(name: str, folder: Path, **more: object) -> Json:
    return typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        use_remote_address=True,
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        request_id_extension={
            "typed_config": typed(
                "extensions.request_id.uuid.v3.UuidRequestIdConfig",
                pack_trace_reason=False,
                use_request_id_for_trace_sampling=False,
            )
        },
        server_header_transformation="PASS_THROUGH",
        # `/predict/../train` must not pass for a safe path.
        normalize_path=True,
        merge_slashes=True,
        request_headers_timeout=seconds(HEADERS_SECONDS),
        common_http_protocol_options={"idle_timeout": seconds(IDLE_SECONDS)},
        rds={"route_config_name": ROUTES, "config_source": _from_file(folder / ROUTES_FILE)},
        http_filters=[
            {
                "name": UNIT_FILTER,
                "disabled": True,
                "typed_config": typed(f"{_HTTP}.header_to_metadata.v3.Config"),
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed(f"{_HTTP}.router.v3.Router", suppress_envoy_headers=True),
            },
        ],
        **more,
    )


def _connections() -> Json:
    kind = "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": typed(kind, max_active_downstream_connections=str(MOST_CONNECTIONS)),
    }


def _from_file(path: Path) -> Json:
    return {
        "resource_api_version": "V3",
        "initial_fetch_timeout": seconds(FETCH_SECONDS),
        "path_config_source": {"path": str(path)},
    }


def _socket(name: str) -> Json:
    return {"pipe": {"path": name, "mode": _PRIVATE}}
