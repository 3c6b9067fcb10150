"""HAProxy: plain, and with the checks that its `jwt_verify` is made for."""

from dataclasses import dataclass

from ..certificate import NAME
from ..material import AUDIENCE, ISSUER
from ..tools import need
from .peer import LOOPBACK, MAX_CONNECTIONS, Peer

_FRAME = """
global
  nbthread 1
  maxconn {connections}

defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 600s
  option http-keep-alive
  http-reuse always

frontend in
  bind {loopback}:{port} backlog 4096
{checks}
  default_backend service

backend service
  server app {loopback}:{upstream} pool-max-conn -1{tls}
"""

# Cheap checks first, the signature last; then the two claim headers, and the token goes.
_CHECKS = """
  http-request deny deny_status 401 unless {{ http_auth_bearer -m found }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_header_query('$.alg') -m str {algorithm} }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_payload_query('$.iss') -m str {issuer} }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_payload_query('$.aud') -m str {audience} }}
  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}
  http-request deny deny_status 401 unless {{ http_auth_bearer,jwt_verify("{algorithm}","{pem}") -m int 1 }}
  http-request set-header x-auth-subject %[http_auth_bearer,jwt_payload_query('$.sub')]
  http-request set-header x-auth-scope %[http_auth_bearer,jwt_payload_query('$.scope')]
  http-request del-header authorization
"""


@dataclass
class HAProxy(Peer):
    def __post_init__(self):
        super().__post_init__()
        self.program = "haproxy"

    def command(self) -> list:
        key = self.stage.key
        checks = "" if not self.verifies else _CHECKS.format(
            algorithm=key.algorithm, issuer=ISSUER, audience=AUDIENCE, pem=key.pem
        )
        text = _FRAME.format(
            connections=MAX_CONNECTIONS,
            loopback=LOOPBACK,
            port=self.port,
            upstream=self.stage.upstream_port,
            tls=self._tls(),
            checks=checks,
        )
        return [need("haproxy"), "-W", "-db", "-f", self.write("haproxy.cfg", text)]

    def _tls(self) -> str:
        certificate = self.stage.upstream_certificate
        if certificate is None:
            return ""
        return (
            f" ssl verify required ca-file {certificate.certificate} sni str({NAME})"
            f" verifyhost {NAME}"
        )
