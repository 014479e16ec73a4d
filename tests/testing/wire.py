"""Two ways to talk to the server: requests, and a bare socket that shows the chunks."""

import json
import socket
from dataclasses import dataclass
from typing import Any, Dict, List
from urllib.parse import urlsplit

KEY = "local-key"
TIMEOUT = 10


class Api:
    """One service, over a requests session."""

    def __init__(self, session, base_url, headers):
        self.session = session
        self.base_url = base_url
        self.headers = headers

    def send(self, method, path, **options):
        options.setdefault("timeout", TIMEOUT)
        options.setdefault("allow_redirects", False)
        options["headers"] = {**self.headers, **options.get("headers", {})}
        answer = self.session.request(method, self.base_url + path, **options)
        if answer.status_code >= 500:
            self.session.close()  # like uvicorn, the server closes the connection without a word
        return answer

    def get(self, path, **options):
        return self.send("GET", path, **options)

    def post(self, path, **options):
        return self.send("POST", path, **options)

    def chat(self, text="Hi", **fields):
        body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": text}], **fields}
        return self.post("/v1/chat/completions", json=body)

    def stream(self, text="Hi", **fields):
        return events(self.chat(text, stream=True, **fields))


def events(response):
    assert response.status_code == 200, response.text
    return [data_of(event) for event in response.content.decode("utf-8").split("\n\n")[:-1]]


def data_of(event):
    assert event.startswith("data: ")
    return event[6:] if event == "data: [DONE]" else json.loads(event[6:])


def text_of(chunks):
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1] if chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


@dataclass
class Raw:
    status: int
    headers: Dict[str, str]
    body: bytes
    chunks: List[bytes]
    complete: bool

    def json(self) -> Any:
        return json.loads(self.body)


def exchange(base_url, method, path, body=b"", headers=None):
    """Send one request over a bare socket, and read until the server closes."""
    address = urlsplit(base_url)
    fields = {"Host": address.netloc, "Connection": "close", **(headers or {})}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {address.path}{path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    with socket.create_connection((address.hostname, address.port), TIMEOUT) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return parse(read_all(sock))


def read_all(sock):
    data = b""
    while True:
        part = sock.recv(65536)
        if not part:
            return data
        data += part


def parse(data):
    head, _, rest = data.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in fields)
    headers = {name.lower(): value for name, value in pairs}
    if headers.get("transfer-encoding") != "chunked":
        complete = len(rest) == int(headers.get("content-length", 0))
        return Raw(int(status.split()[1]), headers, rest, [], complete)
    chunks = []
    while rest and not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return Raw(int(status.split()[1]), headers, b"".join(chunks), chunks, rest == b"0\r\n\r\n")
