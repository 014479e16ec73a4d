"""Uploads: read while they are sent, sent again only from where they were."""

import io
import os
import socket
import threading
import tracemalloc

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from chatsdk import APIConnectionError, APIError, APITimeoutError, RateLimitError

from .answers import json_reply, reply
from .server import TIMEOUT

TEXT = json_reply({"text": "Hello"})
LIMITED = reply(b"", 429, "Retry-After: 0")
SOUND = b"RIFF" * 50_000


def sent_file(request):
    """The bytes of the file in an upload."""
    return request.body.partition(b"\r\nContent-Type: ")[2].partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]


class Discarder(threading.Thread):
    """A server that answers one upload and keeps nothing of it."""

    def __init__(self):
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received = 0
        self.start()

    def run(self):
        peer, _ = self._listener.accept()
        with self._listener, peer:
            peer.settimeout(TIMEOUT)
            buffer, head = bytearray(65536), b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(65536)
            head, _, start = head.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            self.received = len(start)
            while self.received < length:
                self.received += peer.recv_into(buffer)
            peer.sendall(TEXT)


def test_an_upload_takes_little_memory(connect, tmp_path):
    size = 30_000_000
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(size)
    server = Discarder()
    api = connect(server.url).zaguan
    tracemalloc.start()
    try:
        assert api.create_transcription(tmp_path / "a.wav").text == "Hello"
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    server.join(TIMEOUT)
    assert size < server.received < size + 1000


def in_memory(path):
    return io.BytesIO(path.read_bytes())


@pytest.mark.parametrize("policy", [2, Retry(3, status_forcelist=[429], allowed_methods=None)])
@pytest.mark.parametrize("make", [str, in_memory, lambda path: path.read_bytes()])
def test_a_file_goes_back_to_where_it_was(serve, connect, waits, tmp_path, make, policy):
    path = tmp_path / "a.wav"
    path.write_bytes(b"???" + SOUND)
    upload = make(path)
    if hasattr(upload, "seek"):
        upload.seek(3)
    server = serve(LIMITED, TEXT)
    assert connect(server, max_retries=policy).zaguan.create_transcription(upload).text == "Hello"
    first, second = server.requests
    assert first.body == second.body
    assert sent_file(first) == (SOUND if hasattr(upload, "seek") else b"???" + SOUND)


@pytest.fixture
def pipe():
    """A pipe with a little sound in it, as ``process.stdout`` is."""
    reading, writing = os.pipe()
    os.write(writing, SOUND[:1000])
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        yield file


def test_a_pipe_is_sent_as_it_comes(serve, connect, pipe):
    server = serve(TEXT)
    assert connect(server).zaguan.create_transcription(("a.wav", pipe)).text == "Hello"
    (request,) = server.requests
    assert (sent_file(request), request.headers["transfer-encoding"]) == (SOUND[:1000], "chunked")
    assert "content-length" not in request.headers


@pytest.mark.parametrize("policy", [2, Retry(3, status_forcelist=[429], allowed_methods=None)])
def test_a_pipe_is_sent_once(serve, connect, waits, pipe, policy):
    server = serve(LIMITED, TEXT)
    with pytest.raises(RateLimitError):
        connect(server, max_retries=policy).zaguan.create_transcription(("a.wav", pipe))
    assert len(server.requests) == 1
    assert sent_file(server.requests[0]) == SOUND[:1000]


@pytest.fixture
def own_session():
    """A session of the user's, whose adapter retries by itself."""
    with requests.Session() as session:
        policy = Retry(3, status_forcelist=[429], allowed_methods=None, raise_on_status=False)
        session.mount("http://", HTTPAdapter(max_retries=policy))
        yield session


def test_a_session_of_the_user_sends_a_file_again(serve, connect, own_session):
    server = serve(LIMITED, TEXT)
    connect(server, session=own_session).zaguan.create_transcription(io.BytesIO(SOUND))
    assert [sent_file(request) for request in server.requests] == [SOUND, SOUND]


def test_a_session_of_the_user_sends_a_pipe_once(serve, connect, own_session, pipe):
    server = serve(LIMITED, TEXT)
    with pytest.raises(APIError):
        connect(server, session=own_session).zaguan.create_transcription(pipe)
    assert len(server.requests) == 1


def test_a_pipe_waits_for_a_connection(serve, connect, waits, pipe):
    server = serve(TEXT, listen=False)
    waits.during = server.listen
    connect(server).zaguan.create_transcription(pipe)
    assert sent_file(server.requests[0]) == SOUND[:1000]


class Shrinking(io.BytesIO):
    def read(self, size=-1):
        self.truncate(10)
        return super().read(size)


class Growing(io.BytesIO):
    def read(self, size=-1):
        if len(self.getvalue()) == len(SOUND):
            self.seek(0, os.SEEK_END)
            self.write(b"more")
            self.seek(0)
        return super().read(size)


@pytest.mark.parametrize("kind", [Shrinking, Growing])
def test_a_file_that_changes_is_never_sent_whole(serve, connect, waits, kind):
    server = serve(TEXT)
    with pytest.raises(APIConnectionError, match="changed its size"):
        connect(server).zaguan.create_transcription(kind(SOUND))
    assert server.settled() == []


def test_an_upload_has_to_end_in_time(connect, tmp_path):
    """A server that reads nothing: each piece is sent within what is left of the time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with (tmp_path / "a.wav").open("wb") as file:
            file.truncate(30_000_000)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(APITimeoutError):
            connect(url, total_timeout=0.1).zaguan.create_transcription(tmp_path / "a.wav")


def test_a_file_of_which_nothing_was_sent_stays_where_it_was(serve, connect, waits):
    server = serve(TEXT, listen=False)
    file = io.BytesIO(b"???" + SOUND)
    file.seek(3)
    with pytest.raises(APIConnectionError):
        connect(server, max_retries=0).zaguan.create_transcription(file)
    assert file.tell() == 3
