"""A stand-in for GenAuth: the key set and the introspection endpoint of one application.

Requests and answers are those of GenAuth's documents; see docs/systems/genauth.md.
"""

import secrets
import time

from lib import countersign
from lib.service import Service

APPLICATION = "5d01e389985f81c6c1dd31de"
SUBJECT = "5f623f30d85f84c58f141777"


class GenAuth(Service):
    def __init__(self, folder):
        super().__init__(self._answer)
        self._key = countersign.Key(folder / "genauth", "RS256", "genauth-1")
        self._active = {}  # token -> what introspection says of it
        self.secret = secrets.token_urlsafe(24)
        self.works = True

    def opaque_token(self, client_id=APPLICATION):
        return self._issue(secrets.token_urlsafe(32), client_id)

    def jwt(self):
        claims = {"iss": f"{self.url}/oidc", "aud": APPLICATION, "sub": SUBJECT,
                  "jti": secrets.token_urlsafe(12), "scope": "openid profile"}
        return self._issue(self._key.mint(claims), APPLICATION)

    def revoke(self, token):
        del self._active[token]

    def _issue(self, token, client_id):
        now = int(time.time())
        # No audience, and not the issuer that tokens have.
        self._active[token] = {
            "active": True, "sub": SUBJECT, "client_id": client_id, "exp": now + 600, "iat": now,
            "iss": self.url, "jti": secrets.token_urlsafe(12), "scope": "openid profile",
            "token_type": "Bearer",
        }
        return token

    def _answer(self, request):
        if request.path == "/oidc/.well-known/jwks.json":
            return 200, {}, self._key.jwks()
        if request.path == "/oidc/token/introspection":
            return self._introspect(request.form())
        return 404, {}, {"code": 404, "message": "not found"}

    def _introspect(self, form):
        if not self.works:
            return 503, {}, {"code": 503, "message": "unavailable"}
        if (form.get("client_id"), form.get("client_secret")) != (APPLICATION, self.secret):
            return 401, {}, {"error": "invalid_client"}
        return 200, {}, self._active.get(form.get("token"), {"active": False})
