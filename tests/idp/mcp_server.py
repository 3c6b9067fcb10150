"""A server of the Model Context Protocol (PyPI `mcp`), unmodified and without any authorization.

Its address is the first line on standard output; the end of the input ends it.
"""

import asyncio
import json
import os
import socket
import sys
import threading

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("files")
hurried = asyncio.Event()


@server.tool()
def who(ctx: Context) -> str:
    """The headers of this request."""
    return json.dumps(dict(ctx.headers))


@server.tool()
async def slow(ctx: Context) -> str:
    """Ends after `hurry`."""
    await ctx.report_progress(1, 2)
    await hurried.wait()
    return json.dumps("done")


@server.tool()
async def hurry() -> str:
    """Lets `slow` end."""
    hurried.set()
    return json.dumps("yes")


def end_with_the_input() -> None:
    sys.stdin.read()
    os._exit(0)


listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"server": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
threading.Thread(target=end_with_the_input, daemon=True).start()
config = uvicorn.Config(server.streamable_http_app(), log_level="warning")
asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
