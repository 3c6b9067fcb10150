"""A client of the Model Context Protocol (PyPI `mcp`) that knows a URL and nothing else.

Prints what it did as one JSON document. The browser of its user follows redirections by itself.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

URL = sys.argv[1]
CALLBACK = "http://127.0.0.1/callback"


class Storage:
    """Keeps tokens and registration in memory."""

    tokens = registration = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.registration

    async def set_client_info(self, registration):
        self.registration = registration


class Browser:
    """Opens the page on which the user logs in, and comes back with a code."""

    callback = None

    async def open(self, location):
        async with httpx2.AsyncClient() as http:
            while not location.startswith(CALLBACK):
                response = await http.get(location)
                location = urljoin(location, response.headers["location"])
        self.callback = dict(parse_qsl(urlsplit(location).query))

    async def code(self):
        said = self.callback
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])


async def main():
    storage, browser, requests = Storage(), Browser(), []
    metadata = OAuthClientMetadata(
        client_name="example", redirect_uris=[CALLBACK], grant_types=["authorization_code"],
        response_types=["code"], token_endpoint_auth_method="none", application_type="native")
    auth = OAuthClientProvider(server_url=URL, client_metadata=metadata, storage=storage,
                               redirect_handler=browser.open, callback_handler=browser.code)

    async def observe(response):
        request = response.request
        requests.append(f"{request.method} {request.url.path} {response.status_code}")

    async with httpx2.AsyncClient(auth=auth, event_hooks={"response": [observe]}) as http:
        async with Client(streamable_http_client(URL, http_client=http)) as client:
            result = await client.call_tool("who", {})
    print(json.dumps({"requests": requests, "headers": json.loads(result.content[0].text)}))


asyncio.run(main())
