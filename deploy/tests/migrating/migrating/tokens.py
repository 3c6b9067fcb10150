"""Keys and tokens. Keys are made in each run and kept in memory."""

import base64
import hashlib
import hmac
import json
import time

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from joserfc.registry import HeaderParameter

ISSUER = "https://idp.example.com"
AUDIENCE = "https://api.example.com"
_MINUTE = 60
# `x` is a header parameter that no verifier knows.
_SIGNER = jws.JWSRegistry(
    header_registry={"x": HeaderParameter("unknown", "int")},
    algorithms=["RS256", "ES256"],
    strict_check_header=False,
)


class Provider:
    """An identity provider's keys: one of each algorithm, and an RSA key that is replaced once
    `rotated` is set."""

    def __init__(self):
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa-1"})
        self.ec = ECKey.generate_key("P-256", {"kid": "ec-1"})
        self.retired = RSAKey.generate_key(2048, {"kid": "rsa-old"})
        self.new = RSAKey.generate_key(2048, {"kid": "rsa-new"})
        # Not in the key set.
        self.stranger = RSAKey.generate_key(2048, {"kid": "rsa-1"})
        self.rotated = False

    def key_set(self) -> dict:
        keys = [(self.rsa, "RS256"), (self.ec, "ES256")]
        keys.append((self.new if self.rotated else self.retired, "RS256"))
        return {"keys": [_published(key, algorithm) for key, algorithm in keys]}

    def token(self, key=None, header: dict | None = None, **claims) -> str:
        """A good RS256 token, or with other members a bad one. A claim that is None is left out."""
        key = key or self.rsa
        algorithm = "ES256" if key is self.ec else "RS256"
        members = {"alg": algorithm, "typ": "JWT", "kid": key.kid, **(header or {})}
        return _sign(members, json.dumps(_claims(claims)), key)

    def token_of_payload(self, payload: str) -> str:
        return _sign({"alg": "RS256", "typ": "JWT", "kid": self.rsa.kid}, payload, self.rsa)

    def unsigned(self) -> str:
        return f'{_encoded({"alg": "none", "typ": "JWT"})}.{_encoded(_claims({}))}.'

    def signed_with_public_key(self) -> str:
        """HS256 with the RSA key as PEM for a secret."""
        header = {"alg": "HS256", "typ": "JWT", "kid": self.rsa.kid}
        message = f"{_encoded(header)}.{_encoded(_claims({}))}"
        secret = self.rsa.as_pem(private=False)
        return f"{message}.{_base64url(hmac.digest(secret, message.encode(), hashlib.sha256))}"

    def payload(self) -> str:
        return json.dumps(_claims({}))


def tampered(token: str) -> str:
    """With one bit of its signature changed."""
    message, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{message}.{signature[:middle]}{other}{signature[middle + 1:]}"


def _claims(changed: dict) -> dict:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "scope": "orders:read profile",
        "iat": now - _MINUTE,
        "exp": now + 10 * _MINUTE,
        **changed,
    }
    return {name: value for name, value in claims.items() if value is not None}


def _sign(header: dict, payload: str, key) -> str:
    header = {name: value for name, value in header.items() if value is not None}
    return jws.serialize_compact(header, payload, key, registry=_SIGNER)


def _published(key, algorithm: str) -> dict:
    return {**key.as_dict(private=False), "alg": algorithm, "use": "sig"}


def _encoded(members: dict) -> str:
    return _base64url(json.dumps(members).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
