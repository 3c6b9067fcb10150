"""Before a peer is timed: it must let the good token pass, add the two claim headers, take the
token away, and refuse the bad ones. A peer that skips a check would win for the wrong reason."""

import http.client
import time

from .material import CLAIM_HEADERS, Material, forged
from .peers.nginx import ECHO_PATH
from .peers.peer import LOOPBACK, Peer
from .processes import Failed

_REFUSED = (401, 403)
_DAY = 86_400
_SUBJECT, _SCOPE = "guard", "orders:read"


def check(peer: Peer, material: Material):
    """Raises `Failed` for the first answer that is not as it must be."""
    if peer.http2:
        # Its load counts the statuses, and it verifies nothing.
        return
    if not peer.verifies:
        return _expect(peer, "a request without token", None, 200)
    if peer.stage.key is None:
        return _check_asking(peer)
    algorithm = peer.stage.key.algorithm
    good = material.token(algorithm, sub=_SUBJECT, scope=_SCOPE)
    expired = {"iat": str(int(time.time()) - 2 * _DAY), "exp": str(int(time.time()) - _DAY)}
    _expect(peer, "a good token", good, 200)
    _expect_claims(peer, good)
    bad = {
        "no token": None,
        "a forged token": forged(good),
        "a forged token again": forged(good),
        "another audience": material.token(algorithm, aud="https://other.example"),
        "another issuer": material.token(algorithm, iss="https://other.example"),
        "an expired token": material.token(algorithm, **expired),
    }
    for what, token in bad.items():
        _expect(peer, what, token, *_REFUSED)


def _check_asking(peer: Peer):
    """A peer that asks about tokens instead of verifying them."""
    good = f"opaque-{_SUBJECT}-x"
    _expect(peer, "an active token", good, 200)
    _expect_claims(peer, good)
    _expect(peer, "a token that is not active", "another-token", *_REFUSED)
    _expect(peer, "no token", None, *_REFUSED)


def _expect(peer: Peer, what: str, token: str | None, *statuses: int):
    status, _ = _ask(peer, "/", token)
    if status not in statuses:
        raise Failed(f"{peer.name} answers {status} to {what}; its configuration is not the same")


def _expect_claims(peer: Peer, token: str):
    _, seen = _ask(peer, ECHO_PATH, token)
    if seen != f"{_SUBJECT}|{_SCOPE}|":
        headers = ", ".join(CLAIM_HEADERS)
        raise Failed(f"{peer.name}: the upstream saw {seen!r} in {headers} and authorization")


def _ask(peer: Peer, path: str, token: str | None) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection = http.client.HTTPConnection(LOOPBACK, peer.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{peer.name} does not answer: {error!r}") from error
    finally:
        connection.close()
