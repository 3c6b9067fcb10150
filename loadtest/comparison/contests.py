"""The contests of a run: which peers, under which load."""

from collections.abc import Callable
from dataclasses import dataclass

from .contest import Entry
from .field_of_peers import Field
from .load import H2load, Wrk
from .material import Material

# More than any cache in front of it holds by default (10,000).
MANY_TOKENS = 100_000
# As many clients as a busy service has within the life of a token.
BUSY_TOKENS = 60_000
SOME_TOKENS = 4_000
QUICK_TOKENS = 1_000


@dataclass(frozen=True)
class Contest:
    """A named set of entries. The first that is countersign is the one ratios are taken to."""

    name: str
    title: str
    entries: Callable[[Field, Material], list[Entry]]


def headline(tokens: int) -> Callable[[Field, Material], list[Entry]]:
    """All peers, with RS256: what most identity providers sign with."""

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


def es256(field: Field, material: Material) -> list[Entry]:
    """The same without Envoy: what a check of the signature costs where it is dearer."""
    key = material.key("ES256")
    load = Wrk(material.tokens("ES256", SOME_TOKENS))
    peers = [
        field.warm(key), field.public(), field.cold(key), field.nginx(), field.haproxy_jwt(key),
    ]
    return [Entry(peer, load) for peer in field.present(peers)]


def many_tokens(field: Field, material: Material) -> list[Entry]:
    """The cache is on, ten times too small, and every token comes again only after all others."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", MANY_TOKENS))
    return [Entry(peer, load) for peer in (field.warm(key), field.cold(key))]


def busy_tokens(field: Field, material: Material) -> list[Entry]:
    """More than the cache holds, beside a proxy that has none."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", BUSY_TOKENS))
    return [Entry(peer, load) for peer in field.present([field.warm(key), field.haproxy_jwt(key)])]


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


def few_and_many_tokens(field: Field, material: Material) -> list[Entry]:
    """All of them in the cache."""
    key = material.key("RS256")
    return [
        Entry(
            field.warm(key, f"countersign, tokens: {count}"), Wrk(material.tokens("RS256", count))
        )
        for count in (100, 10_000)
    ]


def http2(field: Field, material: Material) -> list[Entry]:
    load = H2load(material.token("RS256"), connections=32, streams=4)
    peers = [field.warm(material.key("RS256")), field.nginx_http2(), field.envoy()]
    return [Entry(peer, load) for peer in field.present(peers)]


def upstream_tls(field: Field, material: Material) -> list[Entry]:
    """The usual work with TLS to the upstream, whose certificate all verify."""
    key = material.key("RS256")
    load = Wrk(material.tokens("RS256", SOME_TOKENS))
    peers = [field.warm(key), field.public(), field.nginx(), field.haproxy()]
    return [Entry(peer, load) for peer in field.present(peers)]


CONTESTS = [
    Contest("rs256", "4,000 RS256 tokens, HTTP/1.1 keep-alive", headline(SOME_TOKENS)),
    Contest("many-tokens", "100,000 RS256 tokens, ten times the cache", many_tokens),
    Contest("busy-tokens", "60,000 RS256 tokens, six times the cache", busy_tokens),
    Contest("es256", "4,000 ES256 tokens", es256),
    Contest("issuers", "1 and 100 issuers", issuers),
    Contest("routes", "1 and 1,000 routes", routes),
    Contest("tokens", "100 and 10,000 tokens", few_and_many_tokens),
    Contest("http2-32", "HTTP/2, 32 connections, 4 streams each", http2),
]
# With another upstream than the others.
UPSTREAM_TLS = Contest("upstream-tls", "4,000 RS256 tokens, TLS to the upstream", upstream_tls)
QUICK_CONTESTS = [
    Contest("rs256", "1,000 RS256 tokens, HTTP/1.1 keep-alive (quick)", headline(QUICK_TOKENS)),
]
