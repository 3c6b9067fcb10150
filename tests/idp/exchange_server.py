"""An authorization server with token exchange (RFC 8693), for `tests/processes/token_exchange.rs`.

Authlib has no grant for token exchange yet: `TokenExchangeGrant` is written on the extension point
that it gives for grants, as its own are. Client authentication, the token endpoint, its errors and
the other grants are Authlib's; joserfc signs and verifies.

The first line on standard output tells where it is; the end of the input ends the program.
"""

import json
import os
import sys
import threading
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Error, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants.base import BaseGrant, TokenEndpointMixin
from flask import Flask, jsonify, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from werkzeug.serving import WSGIRequestHandler, make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # this machine only
KEY = ECKey.generate_key("P-256", {"kid": "exchange-1", "alg": "ES256", "use": "sig"})
KEYS = KeySet([KEY])
TYPES = "urn:ietf:params:oauth:token-type:"
LIFETIME = 60


class Client(ClientMixin):
    def __init__(self, client_id, secret, allowed):
        self.client_id, self.secret, self.allowed = client_id, secret, allowed

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return False

    def check_client_secret(self, client_secret):
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method, endpoint):
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type):
        return False

    def check_grant_type(self, grant_type):
        return grant_type in self.allowed


EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CLIENTS = {
    "frontend": Client("frontend", "the-frontends-secret", ["password"]),
    "gateway": Client("gateway", "the-gateways-secret", [EXCHANGE, "client_credentials"]),
}
# Whom the gateway may act for at which services, and what the users may do there.
SERVICES = {"orders": {"alice": {"orders:read", "orders:write"}, "carol": {"orders:read"}}}
RESOURCES = {"https://orders.example.com": "orders"}


def signed(claims):
    now = int(time.time())
    claims = {"iss": ISSUER, "iat": now, "exp": now + LIFETIME} | claims
    return jwt.encode({"alg": "ES256", "kid": "exchange-1", "typ": "at+jwt"}, claims, KEY)


def verified(token, kind):
    """The claims of a token of this server's own that still holds."""
    try:
        claims = jwt.decode(token, KEYS, algorithms=["ES256"]).claims
    except (JoseError, ValueError) as error:
        raise InvalidRequestError(f"The {kind} is not valid") from error
    if claims["iss"] != ISSUER or claims["exp"] <= time.time():
        raise InvalidRequestError(f"The {kind} is not valid any more")
    return claims


class InvalidTargetError(OAuth2Error):
    """RFC 8693 §2.2.2."""

    error = "invalid_target"


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def authenticate_user(self, username, password):
        return username if password == "the-users-password" else None

    def create_token_response(self):
        token = signed({"sub": self.request.user, "aud": ["gateway"], "client_id": "frontend"})
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}
        return 200, body, self.TOKEN_RESPONSE_HEADER


class OwnTokenGrant(grants.ClientCredentialsGrant):
    def create_token_response(self):
        client_id = self.request.client.client_id
        audience = request.form.getlist("audience") or ["gateway"]
        token = signed({"sub": client_id, "aud": audience, "client_id": client_id})
        body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME}
        return 200, body, self.TOKEN_RESPONSE_HEADER


class TokenExchangeGrant(BaseGrant, TokenEndpointMixin):
    GRANT_TYPE = EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def validate_token_request(self):
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise InvalidGrantError("The client may not exchange tokens")
        self.request.client = client
        form = request.form
        self.subject = self.token(form, "subject", required=True)
        if client.client_id not in self.subject["aud"]:
            raise InvalidRequestError("The subject_token is not for this client")
        self.actor = self.token(form, "actor", required=False)
        self.check_actor()
        self.audiences = self.targets(form)
        self.scopes = self.requested_scopes(form)
        self.issued = form.get("requested_token_type", TYPES + "access_token")
        if self.issued not in (TYPES + "access_token", TYPES + "jwt"):
            raise InvalidRequestError("This requested_token_type is not issued")

    @staticmethod
    def token(form, of, required):
        token, kind = form.get(f"{of}_token"), form.get(f"{of}_token_type")
        if (token is None) != (kind is None) or (required and token is None):
            raise InvalidRequestError(f"{of}_token and {of}_token_type go together")
        if token is None:
            return None
        if kind not in (TYPES + "access_token", TYPES + "jwt"):
            raise InvalidRequestError(f"This {of}_token_type is not known")
        return verified(token, f"{of}_token")

    def check_actor(self):
        """RFC 8693 §4.4."""
        may_act = self.subject.get("may_act")
        if may_act and (self.actor is None or self.actor["sub"] != may_act["sub"]):
            raise InvalidRequestError("The actor may not act for the subject")

    def targets(self, form):
        audiences = list(form.getlist("audience"))
        for resource in form.getlist("resource"):
            audiences.append(RESOURCES.get(resource, resource))
        if not audiences or any(audience not in SERVICES for audience in audiences):
            raise InvalidTargetError("No token is issued for this service")
        if any(self.subject["sub"] not in SERVICES[audience] for audience in audiences):
            raise InvalidTargetError("The user has nothing to do at this service")
        return audiences

    def requested_scopes(self, form):
        allowed = set.intersection(*(SERVICES[a][self.subject["sub"]] for a in self.audiences))
        scopes = set(form.get("scope", "").split()) or allowed
        if not scopes <= allowed:
            raise InvalidScopeError()
        return " ".join(sorted(scopes))

    def create_token_response(self):
        claims = {"sub": self.subject["sub"], "aud": self.audiences, "scope": self.scopes}
        claims["client_id"] = self.request.client.client_id
        if self.actor is not None:
            claims["act"] = {"sub": self.actor["sub"]}
            if "act" in self.subject:
                claims["act"]["act"] = self.subject["act"]
        body = {
            "access_token": signed(claims),
            "issued_token_type": self.issued,
            "token_type": "Bearer" if self.issued.endswith("access_token") else "N_A",
            "expires_in": LIFETIME,
            "scope": self.scopes,
        }
        return 200, body, self.TOKEN_RESPONSE_HEADER


app = Flask(__name__)
authorization = AuthorizationServer(
    app, query_client=CLIENTS.get, save_token=lambda token, request: None
)
for grant in (PasswordGrant, OwnTokenGrant, TokenExchangeGrant):
    authorization.register_grant(grant)
COUNTS = {}


@app.post("/token")
def token():
    kind = request.form.get("grant_type", "").rsplit(":", 1)[-1]
    COUNTS[kind] = COUNTS.get(kind, 0) + 1
    return authorization.create_token_response()


@app.get("/jwks")
def jwks():
    return jsonify(KEYS.as_dict(private=False))


@app.get("/counts")
def counts():
    return jsonify(COUNTS)


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
ISSUER = f"http://127.0.0.1:{server.server_port}"
print(json.dumps({"issuer": ISSUER}), flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
