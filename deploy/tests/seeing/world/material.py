"""Keys, tokens, signatures and certificates, made by `countersign` and `openssl` for one run."""

import json
import subprocess
from pathlib import Path

AUDIENCE = "https://api.example"
ISSUER = "https://idp.example"
# Within the three weeks of the alert, and of the revocation list within a day.
CERTIFICATE_DAYS, LIST_HOURS = 5, 12
AUTHORITY = """
[ca]
default_ca = authority
[authority]
database = index
crlnumber = crlnumber
default_md = sha256
"""


class Material:
    def __init__(self, binary: Path, home: Path):
        self._binary, self.home = binary, home
        for name in ("corp", "other"):
            self._countersign("keygen", "--alg", "ES256", "--out", home / name)
        self._certificate("server", CERTIFICATE_DAYS)
        self._certificate("service", days=300)
        self._certificate("authority", days=300, is_authority=True)
        self._revocation_list()
        (home / "secret").write_text("of this run only\n")

    def token(self, key: str = "corp", expires_in: str = "1h", **claims: str) -> str:
        members = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "azp": "shop", **claims}
        argv = ["mint", "--key", self.home / key / "private.jwk", "--expires-in", expires_in]
        for name, value in members.items():
            argv += ["--claim", f"{name}={value}"]
        return self._countersign(*argv)

    def signature(self, body: bytes) -> str:
        file = self.home / "body"
        file.write_bytes(body)
        return self._countersign("sign", "--key", self.home / "corp" / "private.jwk", file)

    def jwks(self) -> bytes:
        """With a key that no token can be verified by."""
        document = json.loads((self.home / "corp" / "jwks.json").read_text())
        document["keys"].append({"kty": "OKP", "crv": "X448", "x": "AA", "kid": "of another kind"})
        return json.dumps(document).encode()

    def _certificate(self, name: str, days: int, is_authority: bool = False):
        """Signed by itself, for 127.0.0.1."""
        argv = ["req", "-x509", "-nodes", "-days", days, "-subj", f"/CN={name}", "-newkey", "ec"]
        argv += ["-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "subjectAltName=IP:127.0.0.1"]
        argv += ["-addext", f"basicConstraints=critical,CA:{str(is_authority).upper()}"]
        argv += ["-out", self.home / f"{name}.crt", "-keyout", self.home / f"{name}.key"]
        self._openssl(*argv)

    def _revocation_list(self):
        (self.home / "authority.cnf").write_text(AUTHORITY)
        (self.home / "index").touch()
        (self.home / "crlnumber").write_text("01\n")
        argv = ["ca", "-gencrl", "-config", self.home / "authority.cnf", "-crlhours", LIST_HOURS]
        argv += ["-keyfile", self.home / "authority.key", "-cert", self.home / "authority.crt"]
        self._openssl(*argv, "-out", self.home / "authority.crl")

    def _countersign(self, *arguments) -> str:
        return self._output([self._binary, *arguments])

    def _openssl(self, *arguments):
        self._output(["openssl", *arguments])

    def _output(self, argv: list) -> str:
        words = [str(word) for word in argv]
        done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=self.home)
        return done.stdout.strip()
