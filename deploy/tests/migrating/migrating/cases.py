"""The requests. docs/migrating/README.md says what each of them is."""

import time
from dataclasses import dataclass

from .tokens import AUDIENCE, Provider, tampered

Headers = list[tuple[str, str]]

# The rules are the same in every configuration: /public/** is open, /orders/** needs the
# scope orders:read, everything else a token.
PUBLIC, ORDERS, OTHER = "/public/page", "/orders/7", "/profile"
_HOUR = 3600
# Of the key that the holder of a bound token would prove; of RFC 9449, section 4.1.
_THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@dataclass(frozen=True)
class Case:
    name: str
    target: str
    headers: Headers


def before_rotation(provider: Provider) -> list[Case]:
    """So that everything has read the key set that is about to be replaced."""
    return [_bearer("key-before-rotation", provider.token(provider.retired))]


def after_rotation(provider: Provider) -> Case:
    return _bearer("new-key", provider.token(provider.new))


def cases(provider: Provider, identity_headers: list[str]) -> list[Case]:
    """What is sent once the new keys are known, to those who look for them."""
    return [
        _bearer("retired-key", provider.token(provider.retired)),
        *_good(provider),
        *_without_token(),
        *_places(provider),
        *_claims(provider),
        *_other_kinds(provider),
        *_spoofed(provider, identity_headers),
        *_paths(provider),
        *_forged(provider),
    ]


def _good(provider: Provider) -> list[Case]:
    return [
        _bearer("rs256", provider.token()),
        _bearer("es256", provider.token(provider.ec)),
        _bearer("no-kid", provider.token(provider.ec, header={"kid": None})),
        Case("lower-case-scheme", ORDERS, [("authorization", f"bearer {provider.token()}")]),
        _bearer("audience-list", provider.token(aud=["https://other.example.com", AUDIENCE])),
    ]


def _without_token() -> list[Case]:
    return [
        Case("no-token", ORDERS, []),
        Case("other-scheme", ORDERS, [("authorization", "Basic YWxpY2U6c2VjcmV0")]),
        Case("empty-bearer", ORDERS, [("authorization", "Bearer ")]),
        _bearer("garbage", "not-a-token"),
        Case("public", PUBLIC, []),
    ]


def _places(provider: Provider) -> list[Case]:
    two = [("authorization", f"Bearer {provider.token(sub=sub)}") for sub in ("alice", "bob")]
    return [
        Case("token-in-query", f"{ORDERS}?access_token={provider.token()}", []),
        Case("token-in-cookie", ORDERS, [("cookie", f"session={provider.token()}")]),
        Case("token-in-header", ORDERS, [("x-api-token", provider.token())]),
        Case("two-tokens", ORDERS, two),
    ]


def _claims(provider: Provider) -> list[Case]:
    now = int(time.time())
    return [
        _bearer("expired", provider.token(exp=now - _HOUR, iat=now - 2 * _HOUR)),
        _bearer("expired-30s", provider.token(exp=now - 30)),
        _bearer("not-yet", provider.token(nbf=now + _HOUR, exp=now + 2 * _HOUR)),
        _bearer("issued-in-future", provider.token(iat=now + _HOUR, exp=now + 2 * _HOUR)),
        _bearer("no-expiry", provider.token(exp=None)),
        _bearer("wrong-issuer", provider.token(iss="https://other.example.com")),
        _bearer("wrong-audience", provider.token(aud="https://other.example.com")),
        _bearer("missing-scope", provider.token(scope="profile")),
        _bearer("repeated-claim", provider.token_of_payload(_subject_twice(provider.payload()))),
    ]


def _other_kinds(provider: Provider) -> list[Case]:
    """Tokens that the provider signed for another purpose."""
    identity = provider.token(scope=None, nonce="n-1", at_hash="MTIzNDU2Nzg5MDEyMzQ1Ng")
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    logout = provider.token(header={"typ": "logout+jwt"}, scope=None, events=events, sid="s-1")
    return [
        _bearer("id-token", identity, OTHER),
        _bearer("logout-token", logout, OTHER),
        _bearer("bound-token", provider.token(cnf={"jkt": _THUMBPRINT})),
    ]


def _spoofed(provider: Provider, identity_headers: list[str]) -> list[Case]:
    """With headers in which the service expects the identity that was verified."""
    spoofed = [(name, "mallory") for name in identity_headers]
    underscores = [(name.replace("-", "_"), "mallory") for name in identity_headers]
    without_scope = ("authorization", f"Bearer {provider.token(scope=None)}")
    expired = provider.token(exp=int(time.time()) - _HOUR)
    return [
        Case("spoofed", OTHER, [without_scope, *spoofed]),
        Case("spoofed-underscores", OTHER, [without_scope, *underscores]),
        Case("public-spoofed", PUBLIC, spoofed),
        _bearer("public-expired-token", expired, PUBLIC),
    ]


def _paths(provider: Provider) -> list[Case]:
    """Other spellings of paths that need a token, or a scope."""
    return [
        Case("dot-segments", f"/public/..{ORDERS}", []),
        Case("escaped-dot-segments", f"/public/%2e%2e{ORDERS}", []),
        Case("escaped-slashes", f"/public%2F..{ORDERS}", []),
        _bearer("double-slash", provider.token(scope="profile"), f"/{ORDERS}"),
    ]


def _forged(provider: Provider) -> list[Case]:
    stranger = provider.stranger
    own_key = {"jwk": stranger.as_dict(private=False)}
    return [
        _bearer("alg-none", provider.unsigned()),
        _bearer("hs256-public-key", provider.signed_with_public_key()),
        _bearer("tampered", tampered(provider.token())),
        _bearer("other-key", provider.token(stranger)),
        _bearer("embedded-key", provider.token(stranger, header=own_key)),
        _bearer("unknown-kid", provider.token(header={"kid": "unknown"})),
        _bearer("unknown-critical", provider.token(header={"crit": ["x"], "x": 1})),
    ]


def _bearer(name: str, token: str, target: str = ORDERS) -> Case:
    return Case(name, target, [("authorization", f"Bearer {token}")])


def _subject_twice(payload: str) -> str:
    return payload.replace('"sub": "alice"', '"sub": "bob", "sub": "alice"', 1)
