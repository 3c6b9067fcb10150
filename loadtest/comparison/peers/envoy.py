"""Envoy: plain, with its `jwt_authn` filter, and with that filter's token cache."""

import json
from dataclasses import dataclass

from ..material import AUDIENCE, CLAIM_HEADERS, ISSUER
from ..tools import need
from .peer import LOOPBACK, MAX_CONNECTIONS, Peer

# More than any scenario's warm tokens need.
_CACHED_TOKENS = 10_000
_FILTERS = "type.googleapis.com/envoy.extensions.filters"


@dataclass
class Envoy(Peer):
    caches: bool = False

    def __post_init__(self):
        super().__post_init__()
        self.program = "envoy"

    def command(self) -> list:
        config = self.write("envoy.json", json.dumps(self._config(), indent=1))
        return [
            need("envoy"), "-c", config, "--concurrency", "1",
            "--log-level", "warning", "--disable-hot-restart",
        ]

    def _config(self) -> dict:
        return {
            "static_resources": {"listeners": [self._listener()], "clusters": [self._cluster()]},
            # What a proxy at the edge is told to bound; here only so that it does not complain.
            "overload_manager": {
                "resource_monitors": [{
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors."
                        "downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": MAX_CONNECTIONS,
                    },
                }],
            },
        }

    def _listener(self) -> dict:
        router = {
            "name": "envoy.filters.http.router",
            "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"},
        }
        manager = {
            "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "in",
            "codec_type": "AUTO",
            "generate_request_id": False,
            "route_config": {
                "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "app"}}],
                }],
            },
            "http_filters": [self._jwt_filter(), router] if self.verifies else [router],
        }
        chain = {
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }
        return {
            "name": "in",
            "address": _address(self.port),
            "tcp_backlog_size": 4096,
            "filter_chains": [{"filters": [chain]}],
        }

    def _jwt_filter(self) -> dict:
        provider = {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": {"filename": str(self.stage.key.jwks)},
            "claim_to_headers": [
                {"header_name": header, "claim_name": claim}
                for header, claim in CLAIM_HEADERS.items()
            ],
        }
        if self.caches:
            provider["jwt_cache_config"] = {"jwt_cache_size": _CACHED_TOKENS}
        return {
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": f"{_FILTERS}.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"idp": provider},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
            },
        }

    def _cluster(self) -> dict:
        return {
            "name": "app",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {
                "thresholds": [{
                    "max_connections": MAX_CONNECTIONS,
                    "max_pending_requests": MAX_CONNECTIONS,
                    "max_requests": MAX_CONNECTIONS,
                }],
            },
            "load_assignment": {
                "cluster_name": "app",
                "endpoints": [{
                    "lb_endpoints": [
                        {"endpoint": {"address": _address(self.stage.upstream_port)}}
                    ],
                }],
            },
        }


def _address(port: int) -> dict:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}
