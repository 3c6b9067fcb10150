"""Stands in for traefik/whoami: shows the head of the request."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Whoami(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        lines = [f"GET {self.path} HTTP/1.1"]
        # As Go writes the names.
        lines += [f"{name.title()}: {value}" for name, value in self.headers.items()]
        body = "\n".join(lines).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], 80), Whoami).serve_forever()
