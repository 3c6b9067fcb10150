"""Keys and tokens: made by `countersign keygen`, `countersign mint` and, by the thousand, by the
helper `mint_many`."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from . import tools
from .places import directory

ISSUER = "https://idp.example"
AUDIENCE = "https://api.example"
# Verified claim -> header: the same two for every peer.
CLAIM_HEADERS = {"x-auth-subject": "sub", "x-auth-scope": "scope"}
_SIGNERS = 2


@dataclass(frozen=True)
class Key:
    """A key pair on disk."""

    algorithm: str
    path: Path

    @property
    def private(self) -> Path:
        return self.path / "private.jwk"

    @property
    def jwks(self) -> Path:
        return self.path / "jwks.json"

    @property
    def pem(self) -> Path:
        return self.path / "public.pem"


class Material:
    """Makes each key and each file of tokens once in a run."""

    def __init__(self, binary: Path):
        self._binary = binary
        self._mint_many = tools.helper("mint_many")
        self._home = directory("material")
        self._keys: dict[str, Key] = {}
        self._tokens: dict[tuple, Path] = {}

    def key(self, algorithm: str) -> Key:
        if algorithm not in self._keys:
            path = self._home / algorithm
            for old in path.glob("*"):
                old.unlink()
            _output([self._binary, "keygen", "--alg", algorithm, "--out", path])
            self._keys[algorithm] = Key(algorithm, path)
        return self._keys[algorithm]

    def tokens(self, algorithm: str, count: int, issuers: int = 1) -> Path:
        """A file of tokens, one a line, of one or several issuers by turns."""
        wanted = (algorithm, count, issuers)
        if wanted not in self._tokens:
            with ThreadPoolExecutor(_SIGNERS) as pool:
                mint = lambda batch: self._mint(algorithm, batch)
                lists = list(pool.map(mint, _batches(count, issuers)))
            mixed = [token for row in zip_longest(*lists) for token in row if token]
            path = self._home / ("tokens-" + "-".join(map(str, wanted)))
            path.write_text("\n".join(mixed) + "\n")
            self._tokens[wanted] = path
        return self._tokens[wanted]

    def token(self, algorithm: str, **claims: str) -> str:
        """One good token, or with other claims a bad one."""
        members = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user", "scope": "orders:read", **claims}
        argv = [self._binary, "mint", "--key", self.key(algorithm).private]
        for name, value in members.items():
            argv += ["--claim", f"{name}={value}"]
        return _output(argv).strip()

    def signature(self, algorithm: str, body_bytes: int) -> str:
        """A detached signature over a body of so many x."""
        body = self._home / f"body-{body_bytes}"
        body.write_bytes(b"x" * body_bytes)
        return _output([self._binary, "sign", "--key", self.key(algorithm).private, body]).strip()

    def bare_verification_us(self, algorithm: str, body_bytes: int | None = None) -> float:
        """What the cryptography library alone takes for one signature over a token, or over a
        body."""
        argv = [tools.helper("bare_verify"), self.key(algorithm).private]
        return float(_output(argv if body_bytes is None else [*argv, body_bytes]))

    def _mint(self, algorithm: str, batch: "Batch") -> list[str]:
        argv = [self._mint_many, "--key", self.key(algorithm).private]
        argv += ["--issuer", batch.issuer, "--audience", AUDIENCE]
        argv += ["--first", batch.first, "--count", batch.count]
        return _output(argv).split()


@dataclass(frozen=True)
class Batch:
    """Tokens that one process makes."""

    issuer: str
    first: int
    count: int


def _batches(count: int, issuers: int) -> list[Batch]:
    """Equal shares: one an issuer, or of a single issuer one a signer, since signing 100,000
    tokens takes a minute."""
    shares = max(issuers, _SIGNERS)
    size = -(-count // shares)
    firsts = range(0, count, size)
    return [
        Batch(issuer_name(i % issuers), first, min(size, count - first))
        for i, first in enumerate(firsts)
    ]


def issuer_name(index: int) -> str:
    """The issuers of a run. The first is the one that every peer knows."""
    return ISSUER if index == 0 else f"https://idp-{index}.example"


def forged(token: str) -> str:
    """Well-formed, and wrong: another first character of the signature."""
    body, signature = token.rsplit(".", 1)
    return f"{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _output(argv: list) -> str:
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise tools.Missing(f"{argv[0]}: {done.stderr.strip()}")
    return done.stdout
