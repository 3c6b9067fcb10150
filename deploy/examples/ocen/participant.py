"""A participant: its service, which knows OCEN's messages, and the Countersign in front of it."""

import datetime
import json
import pathlib
import uuid

from lib import countersign, jws
from lib.client import bearer, post_form, send
from lib.service import Service

HERE = pathlib.Path(__file__).parent
API = "/v4.0.0alpha/loanApplications"


class Participant:
    """Onboarded at the network, with a running service and a running gateway."""

    def __init__(self, scenario, network, name, account):
        self.name, self._network, self._account = name, network, account
        self.state = scenario.folder / name
        self.key = countersign.Key(self.state / "participant", "RS256", f"{name}-1")
        self.journal_key = countersign.Key(self.state / "journal", "ES256", "journal-1")
        countersign.write_secret(self.state / "client-secret", account.client_secret)
        (self.state / "evidence").mkdir()
        self.service = scenario.start(Service(acknowledge))
        self.gateway = scenario.start(self._gateway())
        network.list(account, self.gateway.url, self.key.jwk())

    def _gateway(self):
        values = {
            "SERVICE": self.service.url,
            "NETWORK": self._network.url,
            "STATE": self.state,
            "CLIENT_ID": self._account.client_id,
        }
        return countersign.Gateway(f"Countersign of {self.name}", HERE / "countersign.toml",
                                   HERE / "participant.env", values,
                                   self.state / "countersign.log")

    def token(self):
        """An access token of its own."""
        return request_token(self._network, self._account)

    def look_up(self, participant_id):
        """What the registry knows of another participant."""
        url = f"{self._network.url}/service/participant-roles/{participant_id}"
        return send("GET", url, bearer(self.token())).expecting(200).json()

    def sign(self, body):
        """As OCEN's reference code signs: `"b64": false`, and not critical."""
        return self.key.sign(body, "b64-false-without-crit")

    def send(self, peer_id, call, body, signature=None, token=None):
        """Sends a message to a peer, which the registry says where to find."""
        headers = {
            **bearer(token or self.token()),
            "content-type": "application/json",
            "x-jws-signature": signature or self.sign(body),
        }
        return send("POST", f"{self.look_up(peer_id)['baseUrl']}{API}/{call}", headers, body)

    def verifies(self, peer_id, signature, body):
        """Whether a peer has signed these bytes, by the key that the registry lists."""
        jwk = json.loads(self.look_up(peer_id)["publicKey"])
        return signature is not None and jws.verifies(signature, body, jwk)


def request_token(network, account):
    """What the Auth Service issues for client credentials."""
    url = f"{network.url}/realms/dev/protocol/openid-connect/token"
    form = {"grant_type": "client_credentials", "client_id": account.client_id,
            "client_secret": account.client_secret}
    return post_form(url, form).expecting(200).json()["access_token"]


def message(participant_id, **content):
    """The bytes of a message, which are what is signed and what is sent."""
    metadata = {
        "version": "4.0.0alpha", "originatorOrgId": f"org-{participant_id}",
        "originatorParticipantId": participant_id, "timestamp": now(),
        "traceId": str(uuid.uuid4()), "requestId": str(uuid.uuid4()),
    }
    return json.dumps({"metadata": metadata, **content}, separators=(",", ":")).encode()


def acknowledge(request):
    """What a service answers to every message; the business answer is a message of its own."""
    trace_id = request.json()["metadata"]["traceId"]
    return 200, {}, {"error": "0", "traceId": trace_id, "timestamp": now()}


def now():
    time = datetime.datetime.now(datetime.timezone.utc)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
