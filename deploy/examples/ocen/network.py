"""A stand-in for OCEN's network: its Auth Service (a Keycloak realm) and Participant Registry.

Paths, claims and members are those of OCEN 4.0; see docs/systems/ocen.md.
"""

import json
import secrets
from dataclasses import dataclass, field

from lib import countersign
from lib.service import Service

REALM = "/realms/dev"
ROLES = "/service/participant-roles/"


@dataclass
class Account:
    """What a participant gets when it is onboarded."""

    participant_id: str
    role: str
    client_id: str
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    listed: dict = None  # its entry in the registry


class Network(Service):
    def __init__(self, folder):
        super().__init__(self._answer)
        self._key = countersign.Key(folder / "auth-service", "RS256", "auth-1")
        self._accounts = {}
        self._tokens = set()

    def onboard(self, participant_id, role):
        """A client of the Auth Service; it is not in the registry yet."""
        account = Account(participant_id, role, f"client-of-{participant_id}")
        self._accounts[account.client_id] = account
        return account

    def list(self, account, base_url, jwk):
        """Makes a participant's URL and public key known to the others."""
        account.listed = {
            "id": account.participant_id,
            "participantRole": account.role,
            "kcClientId": account.client_id,
            "publicKey": json.dumps(jwk),  # a JWK as a text, as OCEN's registry has it
            "isApproved": True,
            "participantRoleStatus": "APPROVED",
            "baseUrl": base_url,
        }

    def _answer(self, request):
        if request.path == f"{REALM}/.well-known/openid-configuration":
            return 200, {}, self._metadata()
        if request.path == f"{REALM}/protocol/openid-connect/certs":
            return 200, {}, self._key.jwks()
        if request.path == f"{REALM}/protocol/openid-connect/token":
            return self._token(request.form())
        if request.path.startswith(ROLES):
            return self._look_up(request)
        return 404, {}, {"error": "not_found"}

    def _metadata(self):
        issuer = f"{self.url}{REALM}"
        endpoints = f"{issuer}/protocol/openid-connect"
        return {"issuer": issuer, "jwks_uri": f"{endpoints}/certs",
                "token_endpoint": f"{endpoints}/token"}

    def _token(self, form):
        account = self._accounts.get(form.get("client_id"))
        if account is None or form.get("client_secret") != account.client_secret:
            return 401, {}, {"error": "invalid_client"}
        claims = {
            "iss": f"{self.url}{REALM}", "sub": f"service-account-{account.client_id}",
            "aud": "account", "typ": "Bearer", "azp": account.client_id,
            "participantId": account.participant_id, "scope": "profile email",
        }
        token = self._key.mint(claims, {"typ": "JWT"}, lifetime="24h")
        self._tokens.add(token)
        return 200, {}, {"access_token": token, "token_type": "Bearer", "expires_in": 86400}

    def _look_up(self, request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            return 401, {}, {"error": "unauthorized"}
        wanted = request.path[len(ROLES):]
        for account in self._accounts.values():
            if account.listed and account.participant_id == wanted:
                return 200, {}, account.listed
        return 404, {}, {"error": "not_found"}
