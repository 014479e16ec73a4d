"""Bodies that are no bytes: what cannot be read twice is sent once, a file goes back to where it was."""

import io

import pytest
from urllib3.util import Retry

from chatsdk import APIConnectionError, APIStatusError

from .answers import CHAT, head, reply
from .server import CLOSE, RESET

BODY = b"0123456789"


class Unseekable(io.RawIOBase):
    """As a pipe or another response is."""

    def __init__(self):
        self._data = io.BytesIO(BODY)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._data.readinto(buffer)


ONCE = {"generator": lambda: iter([BODY[:4], BODY[4:]]), "unseekable": Unseekable, "sized": lambda: Sized()}
FAILURES = {
    "429": (reply(b"", 429, "Retry-After: 0"), APIStatusError),
    "503": (reply(b"", 503, "Retry-After: 0"), APIStatusError),
    "reset": (RESET, APIConnectionError),
    "cut": ([head(200, "Content-Length: 9"), CLOSE], APIConnectionError),
}
POLICIES = {"ours": 2, "own": Retry(3, status_forcelist=[429, 503], backoff_factor=0.01)}


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
@pytest.mark.parametrize(("failure", "error"), FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("make", ONCE.values(), ids=ONCE.keys())
def test_what_cannot_be_read_twice_is_sent_once(serve, connect, waits, make, failure, error, policy, method):
    server = serve(failure, CHAT)
    with pytest.raises(error) as caught:
        connect(server, max_retries=policy).zaguan.request(method, "/x", data=make())
    assert isinstance(caught.value, APIConnectionError) or caught.value.status_code in (429, 503)
    assert [request.body for request in server.requests] == [BODY]


class Sized:
    """Read once, but of known length: requests 2.25 sends what has none without any retry."""

    def __init__(self):
        self._pieces = iter([BODY[:4], BODY[4:]])

    def __len__(self):
        return len(BODY)

    def __iter__(self):
        return self._pieces


def test_it_waits_for_a_connection(serve, connect, waits):
    """As long as none could be made nothing of it was read."""
    server = serve(CHAT, listen=False)
    waits.during = server.listen
    connect(server).zaguan.request("POST", "/x", data=Sized())
    assert [request.body for request in server.requests] == [BODY]


@pytest.mark.parametrize("kind", ["memory", "disk"])
@pytest.mark.parametrize("failure", ["429", "503", "reset", "cut"])
def test_a_file_goes_back_to_where_it_was(serve, connect, waits, tmp_path, kind, failure):
    path = tmp_path / "body"
    path.write_bytes(BODY)
    server = serve(FAILURES[failure][0], CHAT)
    method = "POST" if failure.isdigit() else "GET"
    with io.BytesIO(BODY) if kind == "memory" else path.open("rb") as file:
        file.seek(3)
        connect(server).zaguan.request(method, "/x", data=file)
    assert [request.body for request in server.requests] == [BODY[3:]] * 2
