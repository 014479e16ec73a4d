import gzip
import io
import zlib

import pytest
import requests
from urllib3.response import HTTPResponse

from chatsdk._core.body import Body, BodyError
from chatsdk._core.call import Call


class Slowly(io.BytesIO):
    def __init__(self, data, piece):
        super().__init__(data)
        self._piece = piece

    def read1(self, size=-1):
        return self.read(min(self._piece, size if size >= 0 else self._piece))


def body(data, encoding="", length=None, piece=None):
    """The Body of a response whose bytes are *data*, given out *piece* bytes at a time."""
    file = Slowly(data, piece or len(data) + 1)
    headers = {"Content-Length": str(len(data) if length is None else length)}
    response = requests.Response()
    response.raw = HTTPResponse(body=file, headers=headers, preload_content=False, status=200)
    response.headers["Content-Encoding"] = encoding
    return Body(response, Call("GET", "http://test/"))


TEXT = b"some text, " * 500
BARE = zlib.compress(TEXT)[2:-4]
ENCODED = {
    "": TEXT,
    "identity": TEXT,
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT),
    " GZIP ": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
}


@pytest.mark.parametrize("piece", [1, 7, None])
@pytest.mark.parametrize("encoding", ENCODED)
def test_decoded(encoding, piece):
    assert body(ENCODED[encoding], encoding, piece=piece).read(10**6) == TEXT


@pytest.mark.parametrize("piece", [7, None])
def test_bare_deflate(piece):
    assert body(BARE, "deflate", piece=piece).read(10**6) == TEXT


def test_several_gzip_members():
    assert body(gzip.compress(b"a") + gzip.compress(b"b"), "gzip").read(10) == b"ab"


def test_an_empty_body():
    assert body(b"").read(0) == b""
    assert body(b"", "gzip").read(0) == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_an_encoding_nobody_asked_for(encoding):
    with pytest.raises(BodyError):
        body(TEXT, encoding).read(10**6)


@pytest.mark.parametrize("encoding", ENCODED)
def test_the_limit_counts_decoded_bytes(encoding):
    assert body(ENCODED[encoding], encoding).read(len(TEXT)) == TEXT
    with pytest.raises(BodyError, match=str(len(TEXT) - 1)):
        body(ENCODED[encoding], encoding).read(len(TEXT) - 1)


def test_a_bomb_is_not_unpacked_in_one_piece():
    bomb = body(gzip.compress(b"\0" * 50_000_000), "gzip")
    sizes = [len(piece) for piece, _ in zip(bomb, range(20))]
    assert len(sizes) == 20
    assert max(sizes) <= 1_000_000


@pytest.mark.parametrize("length", [len(TEXT) + 1, len(TEXT) * 2])
def test_a_short_body(length):
    with pytest.raises(Exception, match="IncompleteRead"):
        body(TEXT, length=length).read(10**6)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_cut(encoding):
    with pytest.raises(Exception, match="IncompleteRead"):
        body(ENCODED[encoding][:-9], encoding).read(10**6)


def test_pieces_come_as_they_arrive():
    assert [len(piece) for piece in body(b"x" * 20, piece=7)] == [7, 7, 6]


def test_what_a_session_has_read_already():
    response = requests.Response()
    response._content, response._content_consumed = b"cached", True
    assert Body(response, Call("GET", "http://test/")).read(100) == b"cached"
