"""The program's configuration: one of everything that has metrics of its own."""

from dataclasses import dataclass

from .material import AUDIENCE, ISSUER

TEXT = """
[server]
listen = "127.0.0.1:{listen}"
workers = 2

[server.limits]
memory = "16MiB"
body_bytes = "512KiB"
buffer_bytes = "1MiB"
connections = 500

[admin]
listen = "127.0.0.1:{admin}"

[[listeners]]
name = "edge"
listen = "127.0.0.1:{edge}"
max_connections = 4
[listeners.tls]
certificate = "server.crt"
private_key = "server.key"
client_ca = "authority.crt"
client_auth = "optional"
crl_file = "authority.crl"

[upstreams.orders]
urls = ["http://127.0.0.1:{service}", "http://127.0.0.1:{dead}"]
max_requests = 6
queue = {{ length = 2, timeout = "100ms" }}
eject = {{ failures = 2, for = "3s" }}

[upstreams.ledger]
url = "http://127.0.0.1:{dead}"

[upstreams.vault]
url = "https://127.0.0.1:{secure}"
tls = {{ ca_file = "service.crt" }}

[issuers.corp]
issuer = "{issuer}"
audiences = ["{audience}"]
[issuers.corp.keys]
jwks_url = "http://127.0.0.1:{provider}/jwks"
cooldown = "1s"

[issuers.legacy]
issuer = "{issuer}/legacy"
audiences = ["{audience}"]
[issuers.legacy.introspection]
when = "only"
issuers = ["{issuer}"]
url = "http://127.0.0.1:{provider}/introspect"
client_id = "gateway"
client_secret_file = "secret"
cache_ttl = "1s"
negative_ttl = "1s"

[signatures.partner]
signer = {{ fixed = "partner" }}
caller = "unrelated"
[signatures.partner.keys]
issuer = "corp"

[limits.per-client]
key = {{ claim = "sub" }}
rate = "5/s"
shared = true

[shared]
url = "redis://127.0.0.1:{redis}/0"
integrity = "none"

[revocation]
url = "http://127.0.0.1:{provider}/revoked"
refresh = "1s"

[evidence]
folder = "evidence"

[[routes]]
name = "orders"
path = "/orders/**"
upstream = "orders"
issuers = ["corp"]

[[routes]]
name = "signed"
path = "/signed"
methods = ["POST"]
upstream = "orders"
issuers = ["corp"]
signature = "partner"

[[routes]]
name = "legacy"
path = "/legacy"
upstream = "orders"
issuers = ["legacy"]

[[routes]]
name = "limited"
path = "/limited"
upstream = "orders"
issuers = ["corp"]
limit = "per-client"

[[routes]]
name = "ledger"
path = "/ledger"
upstream = "ledger"
access = "public"

[[routes]]
name = "vault"
path = "/vault"
upstream = "vault"
access = "public"
"""


@dataclass(frozen=True)
class Ports:
    listen: int
    admin: int
    edge: int
    redis: int
    provider: int
    service: int
    secure: int
    # Where no program listens.
    dead: int


def configuration(ports: Ports) -> str:
    return TEXT.format(**vars(ports), issuer=ISSUER, audience=AUDIENCE)
