"""A client of the Model Context Protocol that knows nothing but a URL (PyPI `mcp`, unmodified).

It finds the identity provider, registers there, has its user log in, and calls tools. What it saw
goes to standard output as one JSON document.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

URL = sys.argv[1]
seen = {"requests": [], "order": []}


class Keeper:
    """Keeps what a client keeps."""

    tokens = None
    registered = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.registered

    async def set_client_info(self, registered):
        self.registered = registered


async def log_in(location):
    """The browser of a user: follows redirects up to the client's own address."""
    async with httpx2.AsyncClient() as browser:
        for _ in range(10):
            if urlsplit(location).path == "/callback":
                return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
            answer = await browser.get(location)
            location = urljoin(location, answer.headers["location"])
    raise RuntimeError("too many redirects")


class Browser:
    answer = None

    async def open(self, authorization):
        seen["asked"] = {name: values[0] for name, values in parse_qs(urlsplit(authorization).query).items()}
        self.answer = await log_in(authorization)

    async def code(self):
        said = self.answer
        return AuthorizationCodeResult(code=said["code"], state=said.get("state"), iss=said.get("iss"))


async def observe(response):
    request = response.request
    seen["requests"].append(f"{request.method} {request.url.path} {response.status_code}")


async def main():
    keeper, browser = Keeper(), Browser()
    auth = OAuthClientProvider(
        server_url=URL,
        client_metadata=OAuthClientMetadata(
            client_name="test",
            redirect_uris=["http://127.0.0.1/callback"],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            token_endpoint_auth_method="none",
            application_type="native",
        ),
        storage=keeper,
        redirect_handler=browser.open,
        callback_handler=browser.code,
    )
    hooks = {"response": [observe]}
    async with httpx2.AsyncClient(auth=auth, event_hooks=hooks, timeout=20) as http:
        async with Client(streamable_http_client(URL, http_client=http)) as client:
            await use(client)
    seen["token"] = keeper.tokens.access_token
    print(json.dumps(seen))


async def use(client):
    def answer(result):
        return json.loads(result.content[0].text)

    hurried = asyncio.Event()

    async def progress(*_):
        # The first part of a stream arrives while the server still works on the rest.
        seen["order"].append("progress")
        await client.call_tool("hurry", {})
        hurried.set()

    seen["tools"] = [tool.name for tool in (await client.list_tools()).tools]
    seen["headers"] = answer(await client.call_tool("who", {}))
    slow = await client.call_tool("slow", {}, progress_callback=progress)
    seen["order"].append(answer(slow))
    await hurried.wait()
    seen["version"] = client.protocol_version


asyncio.run(main())
