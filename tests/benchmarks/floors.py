"""The floors: the least that a program could do for the same result."""

import json
import socket
import time


def read_stream(port, name):
    """Read a stream from a bare socket: lines split, JSON decoded, nothing else; return its texts."""
    texts = []
    for event in _events(port, name):
        choice = event["choices"][0]
        if "content" in choice["delta"]:
            texts.append(choice["delta"]["content"])
    return texts


def first_token(port, name):
    """Return the seconds until the first text of a stream has been decoded."""
    start = time.perf_counter()
    next(_events(port, name))
    return time.perf_counter() - start


def _events(port, name):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"POST /{name}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        pending = b""
        while True:
            data = connection.recv(65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if line.startswith(b"data: "):
                    if line == b"data: [DONE]":
                        return
                    yield json.loads(line[6:])
