"""A server of the Model Context Protocol (PyPI `mcp`) that knows nothing of authorization."""

import json

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("files")


@server.tool()
def who(context: Context) -> str:
    """The headers that this server received."""
    return json.dumps(dict(context.headers))


uvicorn.run(server.streamable_http_app(), port=0)  # the system's choice, which it logs
