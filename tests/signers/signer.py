"""Signs and verifies detached JWS with PyPI's `jwcrypto` or `joserfc`, named by the argument.

One JSON question per line of standard input, one JSON answer per line of standard output.
"""

import base64
import json
import sys


def header_of(question):
    header = {"alg": question["alg"], "kid": question["jwk"]["kid"]}
    if question["dialect"] == "rfc7797":
        header.update({"b64": False, "crit": ["b64"]})
    return header


def encoded(payload):
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


class Jwcrypto:
    def __init__(self):
        from jwcrypto import jwk, jws

        self.jwk, self.jws = jwk, jws

    def sign(self, question, payload):
        token = self.jws.JWS(payload.decode())
        key = self.jwk.JWK(**question["jwk"])
        token.add_signature(key, question["alg"], json.dumps(header_of(question)))
        parts = json.loads(token.serialize(compact=False))
        return f"{parts['protected']}..{parts['signature']}"

    def verify(self, question, payload):
        protected, _, signature = question["jws"].split(".")
        token = self.jws.JWS()
        token.deserialize(json.dumps({"protected": protected, "signature": signature}))
        try:
            token.verify(self.jwk.JWK(**question["jwk"]), detached_payload=payload)
        except self.jws.InvalidJWSSignature:
            return False
        return True


class Joserfc:
    def __init__(self):
        from joserfc import errors, jwk, jws

        self.errors, self.jwk, self.jws = errors, jwk, jws

    def sign(self, question, payload):
        key = self.jwk.import_key(question["jwk"])
        signed = self.jws.serialize_json(
            {"protected": header_of(question)}, payload, key, algorithms=[question["alg"]]
        )
        return f"{signed['protected']}..{signed['signature']}"

    def verify(self, question, payload):
        key = self.jwk.import_key(question["jwk"])
        protected, _, signature = question["jws"].split(".")
        if question["dialect"] == "rfc7797":
            value = {"protected": protected, "signature": signature, "payload": payload.decode()}
        else:
            value = {"protected": protected, "signature": signature, "payload": encoded(payload)}
        try:
            self.jws.deserialize_json(value, key, algorithms=[question["alg"]])
        except self.errors.BadSignatureError:
            return False
        return True


def main():
    library = {"jwcrypto": Jwcrypto, "joserfc": Joserfc}[sys.argv[1]]()
    for line in sys.stdin:
        question = json.loads(line)
        payload = base64.b64decode(question["body"])
        print(json.dumps(getattr(library, question["op"])(question, payload)), flush=True)


main()
