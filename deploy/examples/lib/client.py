"""One HTTP request, and the response to it."""

import http.client
import json
import urllib.parse
from dataclasses import dataclass

TIMEOUT_SECONDS = 30


class UnexpectedResponse(Exception):
    """What a scenario needs to go on was not given to it."""


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self):
        return json.loads(self.body)

    def expecting(self, status):
        if self.status != status:
            raise UnexpectedResponse(f"{self.status} instead of {status}: {self.body.decode()}")
        return self

    def __getitem__(self, name):
        """A header; None if there is none."""
        return self.headers[name]


def send(method, url, headers=None, body=None):
    """Sends a request; no status is an error, and no redirection is followed."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


def post_form(url, fields, headers=None):
    form = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    return send("POST", url, form, urllib.parse.urlencode(fields))


def post_json(url, value, headers=None):
    return send("POST", url, {"content-type": "application/json", **(headers or {})},
                json.dumps(value))


def bearer(token):
    return {"authorization": f"Bearer {token}"}
