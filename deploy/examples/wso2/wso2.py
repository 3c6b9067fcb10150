"""Stand-ins for WSO2 Identity Server and for the gateway of WSO2 API Manager.

Claims, headers and answers are those of their documents and source; see docs/systems/wso2.md.
"""

import base64
import secrets
import time

from lib import countersign
from lib.client import send
from lib.service import Service

APPLICATION = "my-application"
USER = "alice@carbon.super"


class IdentityServer(Service):
    """Key set and introspection endpoint, which takes a user's name and password."""

    def __init__(self, folder):
        super().__init__(self._answer)
        self._key = countersign.Key(folder / "identity-server", "RS256", "thumbprint_RS256")
        self._known = {}
        self.password = secrets.token_urlsafe(24)

    def jwt(self, typ="at+jwt", **claims):
        usual = {"iss": f"{self.url}/oauth2/token", "sub": USER, "aud": APPLICATION,
                 "azp": APPLICATION, "client_id": APPLICATION, "aut": "APPLICATION_USER",
                 "scope": "openid orders", "jti": secrets.token_urlsafe(12)}
        return self._key.mint({**usual, **claims}, {"typ": typ})

    def opaque_token(self, token_type="Bearer"):
        """Of a user; what introspection says of it has no sub, no iss and no aud."""
        token, now = secrets.token_urlsafe(24), int(time.time())
        self._known[token] = {
            "active": True, "aut": "APPLICATION_USER", "scope": "openid orders",
            "token_type": token_type, "client_id": APPLICATION, "username": USER,
            "nbf": now, "iat": now, "exp": now + 600,
        }
        return token

    def _answer(self, request):
        if request.path == "/oauth2/jwks":
            return 200, {}, self._key.jwks()
        if request.path == "/oauth2/introspect":
            user = base64.b64encode(f"introspector:{self.password}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {user}":
                return 401, {}, {"code": 401, "message": "Unauthorized"}
            return 200, {}, self._known.get(request.form().get("token"), {"active": False})
        return 404, {}, {"error": "not_found"}


class ApiManager(Service):
    """The gateway of API Manager: takes an API key, and calls the backend with its assertion."""

    def __init__(self, folder):
        super().__init__(self._answer)
        self._key = countersign.Key(folder / "api-manager", "RS256", "gateway-1")
        self._api_keys = {secrets.token_urlsafe(24): USER}
        self.backend = None  # its URL

    @property
    def api_key(self):
        return next(iter(self._api_keys))

    def assertion(self, user, context="/orders/1.0", key=None):
        claim = "http://wso2.org/claims/"
        claims = {
            "iss": "wso2.org/products/am", claim + "enduser": user, claim + "subscriber": "admin",
            claim + "applicationname": "web", claim + "apicontext": context,
            claim + "version": "1.0", claim + "tier": "Gold",
        }
        return (key or self._key).mint(claims, {"typ": "JWT"}, lifetime="15m")

    def _answer(self, request):
        if request.path == "/jwks":
            return 200, {}, self._key.jwks()
        user = self._api_keys.get(request.headers.get("apikey"))
        if user is None:
            return 401, {}, {"code": "900902", "message": "Missing Credentials"}
        headers = {"x-jwt-assertion": self.assertion(user)}
        response = send(request.method, self.backend + request.path, headers, request.body)
        return response.status, {}, response.body
