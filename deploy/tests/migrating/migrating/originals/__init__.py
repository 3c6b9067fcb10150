"""What services migrate from, by the directory of docs/migrating."""

from .envoy import Envoy
from .haproxy import HAProxy
from .istio import Istio
from .mod_auth_openidc import ModAuthOpenidc
from .nginx import NginxAuthRequest
from .oauth2_proxy import OAuth2Proxy
from .spring import Spring

ORIGINALS = {
    "envoy": Envoy,
    "nginx-auth-request": NginxAuthRequest,
    "oauth2-proxy": OAuth2Proxy,
    "spring": Spring,
    "mod-auth-openidc": ModAuthOpenidc,
    "istio": Istio,
    "haproxy": HAProxy,
}
