"""A stand-in for an authorization server, as the Model Context Protocol wants one.

Metadata (RFC 8414), registration of clients (RFC 7591), authorization codes with PKCE, and tokens
for the resource that a client asks for (RFC 8707). Its one user consents to everything.
"""

import hashlib
import secrets
import urllib.parse

from lib import countersign, jws
from lib.service import Service

USER = "alice"
SCOPES = "files:read"


class AuthorizationServer(Service):
    def __init__(self, folder):
        super().__init__(self._answer)
        self._key = countersign.Key(folder / "authorization-server", "ES256", "as-1")
        self._clients = {}  # client_id -> redirect_uris
        self._codes = {}  # code -> the request that it was issued for

    def token(self, resource, client_id="web", scope=SCOPES):
        claims = {"iss": self.url, "sub": USER, "aud": resource, "client_id": client_id,
                  "scope": scope, "jti": secrets.token_urlsafe(12)}
        return self._key.mint(claims, {"typ": "at+jwt"})

    def _answer(self, request):
        endpoints = {
            ("GET", "/.well-known/oauth-authorization-server"): self._metadata,
            ("GET", "/.well-known/openid-configuration"): self._metadata,
            ("GET", "/jwks"): lambda _: (200, {}, self._key.jwks()),
            ("POST", "/register"): self._register,
            ("GET", "/authorize"): self._authorize,
            ("POST", "/token"): self._issue,
        }
        endpoint = endpoints.get((request.method, request.path))
        return endpoint(request) if endpoint else (404, {}, {"error": "not_found"})

    def _metadata(self, _request):
        endpoints = {"authorization": "authorize", "token": "token", "registration": "register"}
        return 200, {}, {
            "issuer": self.url, "jwks_uri": f"{self.url}/jwks",
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in endpoints.items()},
            "response_types_supported": ["code"], "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"], "scopes_supported": SCOPES.split(),
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _register(self, request):
        metadata, client_id = request.json(), secrets.token_urlsafe(12)
        self._clients[client_id] = metadata["redirect_uris"]
        return 201, {}, {**metadata, "client_id": client_id}

    def _authorize(self, request):
        asked = request.query
        known = asked.get("redirect_uri") in self._clients.get(asked.get("client_id"), [])
        if not known or asked.get("code_challenge_method") != "S256" or "resource" not in asked:
            return 400, {}, {"error": "invalid_request"}
        code = secrets.token_urlsafe(24)
        self._codes[code] = asked
        back = {"code": code, "state": asked.get("state", ""), "iss": self.url}
        location = f"{asked['redirect_uri']}?{urllib.parse.urlencode(back)}"
        return 302, {"location": location}, b""

    def _issue(self, request):
        form = request.form()
        asked = self._codes.pop(form.get("code"), None)
        if asked is None or not is_for(asked, form):
            return 400, {}, {"error": "invalid_grant"}
        token = self.token(asked["resource"], asked["client_id"], asked.get("scope", SCOPES))
        return 200, {"cache-control": "no-store"}, {
            "access_token": token, "token_type": "Bearer", "expires_in": 600,
            "scope": asked.get("scope", SCOPES)}


def is_for(asked, form):
    """Whether a code is redeemed by who asked for it: PKCE (RFC 7636), and the same client."""
    verifier = form.get("code_verifier", "").encode()
    challenge = jws.encode(hashlib.sha256(verifier).digest())
    same = all(form.get(name) == asked[name] for name in ("client_id", "redirect_uri", "resource"))
    return same and challenge == asked.get("code_challenge")
