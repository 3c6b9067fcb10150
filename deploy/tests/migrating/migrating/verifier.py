"""A verifier of one's own behind nginx's auth_request, as such are written around a JOSE library:
`GET /verify/SCOPE` is 200 with the identity in headers, 401, or 403."""

import argparse
import json
import time
import urllib.request
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from .tokens import AUDIENCE, ISSUER

_KEYS_LIVE_SECONDS = 600
_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=60,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
)


class Keys:
    """The provider's keys, read again when they are ten minutes old."""

    def __init__(self, url: str):
        self._url = url
        self._keys, self._read_at = None, 0.0

    def get(self) -> KeySet:
        if self._keys is None or time.monotonic() - self._read_at > _KEYS_LIVE_SECONDS:
            with urllib.request.urlopen(self._url, timeout=5) as response:
                self._keys = KeySet.import_key_set(json.load(response))
            self._read_at = time.monotonic()
        return self._keys


class Verifier(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    keys: Keys

    def do_GET(self):
        claims = self._claims()
        scope = self.path.removeprefix("/verify/")
        if claims is None:
            self._answer(HTTPStatus.UNAUTHORIZED, {"www-authenticate": "Bearer"})
        elif scope and scope not in claims.get("scope", "").split():
            self._answer(HTTPStatus.FORBIDDEN, {})
        else:
            identity = {"x-auth-subject": claims.get("sub"), "x-auth-scope": claims.get("scope")}
            self._answer(HTTPStatus.OK, {name: text for name, text in identity.items() if text})

    def _claims(self) -> dict | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(token, self.keys.get(), algorithms=["RS256", "ES256"]).claims
            _CLAIMS.validate(claims)
        except (JoseError, ValueError):
            return None
        return claims

    def _answer(self, status: HTTPStatus, headers: dict[str, str]):
        self.send_response(status)
        for name, value in {**headers, "content-length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("jwks_url")
    arguments = parser.parse_args()
    Verifier.keys = Keys(arguments.jwks_url)
    ThreadingHTTPServer(("127.0.0.1", arguments.port), Verifier).serve_forever()


if __name__ == "__main__":
    main()
