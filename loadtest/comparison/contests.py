"""The contests of a run: which peers, under which load."""

from collections.abc import Callable
from dataclasses import dataclass

from .contest import Entry
from .field_of_peers import HAPROXY_ALGORITHMS, Field
from .load import H2load, Wrk
from .material import Material
from .peers.nginx import UPLOAD_PATH

# More than any cache in front of it holds by default (10,000).
MANY_TOKENS = 100_000
SOME_TOKENS = 4_000
QUICK_TOKENS = 1_000
# Bodies of 1 MiB are built in memory, once a token.
BODY_TOKENS = 16
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Contest:
    """A named set of entries. The first that is countersign is the one ratios are taken to."""

    name: str
    title: str
    entries: Callable[[Field, Material], list[Entry]]


def headline(tokens: int) -> Callable[[Field, Material], list[Entry]]:
    """Everybody, with RS256: what most identity providers sign with."""

    def entries(field: Field, material: Material) -> list[Entry]:
        key = material.key("RS256")
        load = Wrk(material.tokens("RS256", tokens))
        peers = [
            field.warm(key), field.public(), field.cold(key), field.nginx(), field.haproxy(),
            field.haproxy_jwt(key), field.envoy(), field.envoy_jwt(key),
            field.envoy_jwt_cache(key),
        ]
        return [Entry(peer, load) for peer in field.present(peers)]

    return entries


def algorithm(name: str) -> Callable[[Field, Material], list[Entry]]:
    """Another algorithm, beside those peers that know it."""

    def entries(field: Field, material: Material) -> list[Entry]:
        key = material.key(name)
        load = Wrk(material.tokens(name, SOME_TOKENS))
        peers = [field.warm(key), field.public(), field.cold(key), field.nginx()]
        if name in HAPROXY_ALGORITHMS:
            peers.append(field.haproxy_jwt(key))
        peers += [field.envoy_jwt(key), field.envoy_jwt_cache(key)]
        return [Entry(peer, load) for peer in field.present(peers)]

    return entries


def one_token(field: Field, material: Material) -> list[Entry]:
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", 1))
    peers = [field.warm(key), field.nginx(), field.haproxy_jwt(key), field.envoy_jwt_cache(key)]
    return [Entry(peer, load) for peer in field.present(peers)]


def many_tokens(field: Field, material: Material) -> list[Entry]:
    """The cache is on, ten times too small, and every token comes again only after all others."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", MANY_TOKENS))
    peers = [field.warm(key), field.cold(key), field.envoy_jwt_cache(key)]
    return [Entry(peer, load) for peer in field.present(peers)]


def issuers(field: Field, material: Material) -> list[Entry]:
    key = material.key("RS256")
    return [
        Entry(
            field.warm(key, f"countersign, issuers: {count}", issuers=count),
            Wrk(material.tokens("RS256", SOME_TOKENS, issuers=count)),
        )
        for count in (1, 100)
    ]


def routes(field: Field, material: Material) -> list[Entry]:
    """The same requests to both, spread over the paths of the many routes."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", SOME_TOKENS), paths="/r%d/orders/42=1000")
    return [
        Entry(field.warm(key, f"countersign, routes: {count}", routes=count), load)
        for count in (1, 1_000)
    ]


def new_connections(field: Field, material: Material) -> list[Entry]:
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", SOME_TOKENS), connections=16, keep_alive=False)
    peers = [
        field.warm(key), field.nginx(), field.haproxy(), field.haproxy_jwt(key), field.envoy(),
        field.envoy_jwt_cache(key),
    ]
    return [Entry(peer, load) for peer in field.present(peers)]


def http2(connections: int, streams: int) -> Callable[[Field, Material], list[Entry]]:
    def entries(field: Field, material: Material) -> list[Entry]:
        key = material.key("RS256")
        load = H2load(material.token("RS256"), connections, streams)
        peers = [
            field.warm(key), field.public(), field.nginx(http2=True), field.haproxy(http2=True),
            field.envoy(), field.envoy_jwt_cache(key),
        ]
        return [Entry(peer, load) for peer in field.present(peers)]

    return entries


def bodies(size: int, upload: bool) -> Callable[[Field, Material], list[Entry]]:
    def entries(field: Field, material: Material) -> list[Entry]:
        key = material.key("RS256")
        tokens = material.tokens("RS256", BODY_TOKENS)
        load = (
            Wrk(tokens, 16, "POST", size, UPLOAD_PATH) if upload
            else Wrk(tokens, 16, paths=f"/bytes/{size}")
        )
        peers = [field.warm(key), field.nginx(), field.haproxy(), field.envoy()]
        return [Entry(peer, load) for peer in field.present(peers)]

    return entries


def forged(field: Field, material: Material) -> list[Entry]:
    """Every tenth token is wrongly signed. The same forged ones come again, as from a client that
    retries."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", SOME_TOKENS, forge_every=10))
    peers = [field.warm(key), field.cold(key), field.haproxy_jwt(key), field.envoy_jwt_cache(key)]
    return [Entry(peer, load, refused_percent=10) for peer in field.present(peers)]


CONTESTS = [
    Contest("rs256", "4,000 RS256 tokens, HTTP/1.1 keep-alive", headline(SOME_TOKENS)),
    Contest("one-token", "1 RS256 token", one_token),
    Contest("many-tokens", "100,000 RS256 tokens, ten times the cache", many_tokens),
    Contest("es256", "4,000 ES256 tokens", algorithm("ES256")),
    Contest("eddsa", "4,000 EdDSA tokens", algorithm("EdDSA")),
    Contest("issuers", "1 and 100 issuers", issuers),
    Contest("routes", "1 and 1,000 routes", routes),
    Contest("connections", "a new connection for every request", new_connections),
    Contest("http2-1", "HTTP/2, 1 connection, 100 streams", http2(1, 100)),
    Contest("http2-32", "HTTP/2, 32 connections, 4 streams each", http2(32, 4)),
    Contest("upload-1k", "request bodies of 1 KiB", bodies(KIB, upload=True)),
    Contest("upload-1m", "request bodies of 1 MiB", bodies(MIB, upload=True)),
    Contest("download-1k", "answers of 1 KiB", bodies(KIB, upload=False)),
    Contest("download-1m", "answers of 1 MiB", bodies(MIB, upload=False)),
    Contest("forged", "10 % forged tokens", forged),
]
QUICK_CONTESTS = [
    Contest("rs256", "1,000 RS256 tokens, HTTP/1.1 keep-alive (quick)", headline(QUICK_TOKENS)),
]
