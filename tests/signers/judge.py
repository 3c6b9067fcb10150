"""Judges tokens with PyPI's `jwcrypto` or `joserfc`, named by the argument.

One JSON question per line of standard input: a key set or a secret, the rules, and tokens. One line of
JSON per answer: for each token its claims as text, or why it is refused.
"""

import base64
import json
import sys
import types
import warnings


def typ_is(header, expected):
    typ = header.get("typ")
    return isinstance(typ, str) and typ.lower().removeprefix("application/") == expected


class Jwcrypto:
    def __init__(self):
        from jwcrypto import jwk, jwt

        self.jwk, self.jwt = jwk, jwt

    def keys(self, keys):
        if keys["secret"] is not None:
            secret = base64.b64decode(keys["secret"])
            encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
            return self.jwk.JWK(kty="oct", k=encoded)
        return self.jwk.JWKSet.from_json(base64.b64decode(keys["jwks"]).decode())

    def judge(self, text, keys, rules):
        # It reads the time from this module, and takes it from nowhere else.
        self.jwt.time = types.SimpleNamespace(time=lambda: rules["now"])
        demanded = {"iss": rules["issuer"], "aud": rules["audiences"], "exp": None}
        # With claims demanded it does not look at "nbf", and without at no more than the dates.
        for claims in (demanded, None):
            token = self.jwt.JWT(
                algs=rules["algorithms"],
                check_claims=claims,
                expected_type="JWS",
                strict_serialization=True,
            )
            token.leeway = rules["leeway"]
            token.deserialize(text, keys)
        if rules["typ"] is not None and not typ_is(json.loads(token.header), rules["typ"]):
            raise ValueError("unexpected typ")
        return json.loads(token.claims)


class Joserfc:
    def __init__(self):
        from joserfc import jwk, jws, jwt

        self.jwk, self.jws, self.jwt = jwk, jws, jwt

    def keys(self, keys):
        if keys["secret"] is not None:
            return self.jwk.OctKey.import_key(base64.b64decode(keys["secret"]))
        return self.jwk.KeySet.import_key_set(json.loads(base64.b64decode(keys["jwks"]).decode()))

    def judge(self, text, keys, rules):
        registry = self.jws.JWSRegistry(algorithms=rules["algorithms"])
        token = self.jwt.decode(text, keys, registry=registry)
        if rules["typ"] is not None and not typ_is(token.header, rules["typ"]):
            raise ValueError("unexpected typ")
        self.jwt.JWTClaimsRegistry(
            now=rules["now"],
            leeway=rules["leeway"],
            iss={"essential": True, "value": rules["issuer"]},
            aud={"essential": True, "values": rules["audiences"]},
            exp={"essential": True},
        ).validate(token.claims)
        return token.claims


def refusal(error):
    said = f"{type(error).__name__}: {error}"
    cause = error.__cause__ or error.__context__
    return {"refused": f"{said} ({refusal(cause)['refused']})" if cause else said}


def judge_all(library, question):
    tokens, rules = question["tokens"], question["rules"]
    try:
        keys = library.keys(question["keys"])
    except Exception as error:
        return [refusal(error)] * len(tokens)
    verdicts = []
    for token in tokens:
        try:
            verdicts.append({"claims": json.dumps(library.judge(token, keys, rules))})
        except Exception as error:
            verdicts.append(refusal(error))
    return verdicts


def main():
    warnings.simplefilter("ignore")
    library = {"jwcrypto": Jwcrypto, "joserfc": Joserfc}[sys.argv[1]]()
    for line in sys.stdin:
        print(json.dumps(judge_all(library, json.loads(line))), flush=True)


main()
