"""Tokens that Countersign's own signer can't make, by the `cryptography` package.

The question, a line of JSON, has the claims; the answer has a list of {name, jwk, token}.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa, utils

SHA = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return text(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key, kid, exponent=None):
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(public.n), "e": number(exponent or public.e)}


def ec_jwk(key, kid, crv):
    size = (key.curve.key_size + 7) // 8
    public = key.public_key().public_numbers()
    return {"kty": "EC", "kid": kid, "crv": crv, "x": number(public.x, size), "y": number(public.y, size)}


def raw(key, der):
    size = (key.curve.key_size + 7) // 8
    return b"".join(part.to_bytes(size, "big") for part in utils.decode_dss_signature(der))


def pkcs1(key, digest):
    return lambda message: key.sign(message, padding.PKCS1v15(), digest)


def pss(key, digest, salt, mask=None):
    scheme = padding.PSS(mgf=padding.MGF1(mask or digest), salt_length=salt)
    return lambda message: key.sign(message, scheme, digest)


def ecdsa(key, digest):
    return lambda message: raw(key, key.sign(message, ec.ECDSA(digest)))


def encoded_message(message, size):
    """What PKCS #1 v1.5 signs, which is its own signature where the exponent is 1."""
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(message)
    info += digest.finalize()
    return b"\x00\x01" + b"\xff" * (size - 3 - len(info)) + b"\x00" + info


def cube_root(value):
    low, high = 0, 1 << (value.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= value else (low, middle - 1)
    return low


def forged_cube(message, size):
    """Bleichenbacher's forgery of 2006: the padding is short, and what follows is not looked at."""
    info = encoded_message(message, size)[-51:]
    start = b"\x00\x01" + b"\xff" * 8 + b"\x00" + info
    value = int.from_bytes(start + b"\xff" * (size - len(start)), "big")
    return cube_root(value).to_bytes(size, "big")


def makers():
    sound = rsa.generate_private_key(65537, 2048)
    cubic = rsa.generate_private_key(3, 2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    koblitz = ec.generate_private_key(ec.SECP256K1())
    goldilocks = ed448.Ed448PrivateKey.generate()
    point = {"kty": "OKP", "kid": "odd", "crv": "Ed448"}
    point["x"] = text(goldilocks.public_key().public_bytes_raw())
    key = rsa_jwk(sound, "odd")
    for bits in (1024, 2047, 2056, 3072):
        small = rsa.generate_private_key(65537, bits)
        yield f"RSA of {bits} bits", "RS256", rsa_jwk(small, "odd"), pkcs1(small, SHA["256"])
    yield "e = 3", "RS256", rsa_jwk(cubic, "odd"), pkcs1(cubic, SHA["256"])
    yield "e = 3, forged", "RS256", rsa_jwk(cubic, "odd"), lambda m: forged_cube(m, 256)
    yield "e = 1, forged", "RS256", rsa_jwk(sound, "odd", 1), lambda m: encoded_message(m, 256)
    for salt in (0, 20, 31, 33, 222):
        yield f"PS256 with {salt} bytes of salt", "PS256", key, pss(sound, SHA["256"], salt)
    yield "PS256 with 32 bytes of salt", "PS256", key, pss(sound, SHA["256"], 32)
    sha1 = pss(sound, SHA["256"], 32, hashes.SHA1())
    yield "PS256 with MGF1 of SHA-1", "PS256", key, sha1
    yield "RS256 over SHA-1", "RS256", key, pkcs1(sound, hashes.SHA1())
    yield "RS256 over SHA-512", "RS256", key, pkcs1(sound, SHA["512"])
    yield "ES256 over SHA-384", "ES256", ec_jwk(curve, "odd", "P-256"), ecdsa(curve, SHA["384"])
    yield "ES384 by P-256", "ES384", ec_jwk(curve, "odd", "P-256"), ecdsa(curve, SHA["384"])
    yield "ES256K", "ES256K", ec_jwk(koblitz, "odd", "secp256k1"), ecdsa(koblitz, SHA["256"])
    yield "ES256 by secp256k1", "ES256", ec_jwk(koblitz, "odd", "secp256k1"), ecdsa(koblitz, SHA["256"])
    yield "EdDSA by Ed448", "EdDSA", point, goldilocks.sign
    yield "Ed448", "Ed448", point, goldilocks.sign


def token(alg, claims, sign):
    header = {"alg": alg, "kid": "odd", "typ": "at+jwt"}
    message = ".".join(text(json.dumps(part).encode()) for part in (header, claims))
    return f"{message}.{text(sign(message.encode()))}"


for line in sys.stdin:
    claims = json.loads(line)
    tokens = [
        {"name": name, "jwk": jwk, "token": token(alg, claims, sign)}
        for name, alg, jwk, sign in makers()
    ]
    print(json.dumps(tokens), flush=True)
