"""The floors: the least that a program could do for the same result."""

import json
import socket
import time


def read_stream(port, name):
    """Read a stream from a bare socket: framing decoded, lines split, JSON decoded; return its texts."""
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
    pending = b""
    for data in _bodies(port, name):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                if line == b"data: [DONE]":
                    return
                yield json.loads(line[6:])


def _bodies(port, name):
    """Yield the body in pieces as large as they arrive, without the framing of chunks."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(f"POST /{name}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, data = data.partition(b"\r\n\r\n")
        while b"chunked" not in head:
            yield data
            data = connection.recv(65536)
            if not data:
                return
        while True:
            parts, position = [], 0
            while True:
                end = data.find(b"\r\n", position)
                if end < 0:
                    break
                size = int(data[position:end], 16)
                if len(data) < end + size + 4:
                    break
                if not size:
                    yield b"".join(parts)
                    return
                parts.append(data[end + 2 : end + 2 + size])
                position = end + size + 4
            yield b"".join(parts)
            data = data[position:] + connection.recv(65536)
