"""Signatures (RS256) as a receiver checks them, with nothing of Countersign in it."""

import base64
import hashlib
import hmac
import json

# RFC 8017, 9.2: what comes before a SHA-256 hash in an RSASSA-PKCS1-v1_5 signature.
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def verifies(jws, body, jwk):
    """Whether `HEADER..SIGNATURE` with `"b64": false` is this key's signature over the body."""
    header, payload, signature = jws.split(".")
    members = json.loads(decode(header))
    if payload or members.get("alg") != "RS256" or members.get("b64") is not False:
        return False
    return rs256_verifies(header.encode() + b"." + body, decode(signature), jwk)


def rs256_verifies(message, signature, jwk):
    """RFC 8017, 8.2.2: the padded hash is built again and compared as a whole."""
    modulus, exponent = (int.from_bytes(decode(jwk[name]), "big") for name in ("n", "e"))
    length = (modulus.bit_length() + 7) // 8
    if len(signature) != length:
        return False
    encoded = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(length, "big")
    suffix = SHA256_PREFIX + hashlib.sha256(message).digest()
    padding = b"\xff" * (length - len(suffix) - 3)
    return hmac.compare_digest(encoded, b"\x00\x01" + padding + b"\x00" + suffix)


def verified_claims(token, jwks):
    """The claims of a JWT (RS256) that the key with its `kid` has signed."""
    signed, _, signature = token.rpartition(".")
    header = json.loads(decode(signed.split(".")[0]))
    jwk = next(key for key in jwks["keys"] if key["kid"] == header["kid"])
    if header["alg"] != "RS256":
        raise ValueError("not RS256")
    if not rs256_verifies(signed.encode(), decode(signature), jwk):
        raise ValueError("the signature is wrong")
    return unverified_claims(token)


def unverified_claims(token):
    return json.loads(decode(token.split(".")[1]))


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
