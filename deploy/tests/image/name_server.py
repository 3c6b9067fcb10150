"""Answers DNS queries on loopback: one name has an address, every other one does not exist.

    name_server.py NAME ADDRESS

Serves UDP on 127.0.0.1:53 until it is stopped, and prints a line when it is ready.
"""

import ipaddress
import socket
import struct
import sys

NO_ERROR, NO_SUCH_NAME = 0, 3
TYPE_A, CLASS_IN = 1, 1
RESPONSE = 0x8180  # a response, recursion desired and available
NAME_OF_THE_QUESTION = 0xC00C
HEADER = struct.Struct("!6H")


def question(query: bytes) -> tuple[str, int, bytes]:
    """The name, the type, and both as they stand in the query."""
    labels, at = [], HEADER.size
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode().lower())
        at += 1 + length
    end = at + 1 + 4
    (kind,) = struct.unpack_from("!H", query, at + 1)
    return ".".join(labels), kind, query[HEADER.size : end]


def response(query: bytes, name: str, address: bytes) -> bytes:
    asked, kind, asked_bytes = question(query)
    (identifier,) = struct.unpack_from("!H", query)
    answer = b""
    if (asked, kind) == (name, TYPE_A):
        record = (NAME_OF_THE_QUESTION, TYPE_A, CLASS_IN, 60, len(address))
        answer = struct.pack("!HHHIH", *record) + address
    code = NO_ERROR if asked == name else NO_SUCH_NAME
    header = HEADER.pack(identifier, RESPONSE | code, 1, 1 if answer else 0, 0, 0)
    return header + asked_bytes + answer


def main() -> None:
    name, address = sys.argv[1], ipaddress.IPv4Address(sys.argv[2]).packed
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    print("ready", flush=True)
    while True:
        query, client = server.recvfrom(512)
        server.sendto(response(query, name.lower(), address), client)


if __name__ == "__main__":
    main()
