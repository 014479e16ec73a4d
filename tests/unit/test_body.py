import gzip
import io
import zlib

import pytest
import requests
from urllib3.response import HTTPResponse

from chatsdk._core.body import BodyError, ResponseBody
from chatsdk._core.call import CallContext


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
    return ResponseBody(response, CallContext("GET", "http://test/"))


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


NO_TEXT = bytes(range(256)) * 4


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "nonsense"])
@pytest.mark.parametrize("piece", [1, None])
def test_an_encoding_nobody_asked_for(encoding, piece):
    with pytest.raises(BodyError, match=encoding):
        body(NO_TEXT, encoding, piece=piece).read(10**6)


WRONG = [
    "none",
    "utf-8",
    "UTF8",
    "binary",
    "gzip",
    "deflate",
    "x-gzip",
    "br",
    "zstd",
    "nonsense",
    ", ,",
    "gzip, br",
]
EVENTS = "data: {}\n\n: \u20ac\n\n".encode()


@pytest.mark.parametrize("encoding", [*WRONG, "identity, gzip", "gzip, identity", "gzip," * 1000])
def test_a_wrong_label_on_a_plain_body(encoding):
    for plain in (b'{"a": "\xe2\x82\xac"}', b"{}", b"", b" ", b"x", EVENTS, TEXT):
        for piece in (1, 7, None):
            assert body(plain, encoding, piece=piece).read(10**6) == plain


@pytest.mark.parametrize("encoding", ["none", "utf-8", "binary", "gzip"])
def test_a_wrong_label_on_a_binary_file(encoding):
    assert body(NO_TEXT, encoding).read(10**6) == NO_TEXT


@pytest.mark.parametrize(
    "encoding", ["gzip, identity", "identity, gzip", "utf-8, gzip", "gzip, gzip", "deflate"]
)
def test_what_a_label_tells_beside_gzip(encoding):
    for piece in (1, 7, None):
        assert body(ENCODED["gzip"], encoding, piece=piece).read(10**6) == TEXT


def test_two_encodings_one_upon_the_other():
    assert body(gzip.compress(ENCODED["deflate"]), "deflate, gzip").read(10**6) == TEXT


def test_without_a_label_a_file_stays_compressed():
    assert body(ENCODED["gzip"]).read(10**6) == ENCODED["gzip"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("behind", [b"\n", b"\0" * 512, b"<!-- cache -->" * 99, b"\x1f", b"\x1fx"], ids=repr)
def test_bytes_behind_the_compressed_data_are_dropped(encoding, behind):
    for piece in (1, 7, None):
        assert body(ENCODED[encoding] + behind, encoding, piece=piece).read(10**6) == TEXT


def test_bytes_behind_the_compressed_data_have_a_bound():
    with pytest.raises(BodyError, match="after its compressed data"):
        body(ENCODED["gzip"] + b"\0" * 2_000_000, "gzip", piece=65536).read(10**6)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "none", "br"])
def test_a_plain_stream_with_a_wrong_label_is_not_held_back(encoding):
    """Of a stream with 20 bytes in each piece the first is given before the second is there."""
    assert [len(piece) for piece in body(b"data: {} data: {}  \n" * 3, encoding, piece=20)] == [20, 20, 20]


@pytest.mark.parametrize("encoding", ENCODED)
def test_the_limit_counts_decoded_bytes(encoding):
    assert body(ENCODED[encoding], encoding).read(len(TEXT)) == TEXT
    with pytest.raises(BodyError, match=str(len(TEXT) - 1)):
        body(ENCODED[encoding], encoding).read(len(TEXT) - 1)


def test_a_bomb_is_not_unpacked_in_one_piece():
    bomb = body(gzip.compress(b"\0" * 25_000_000), "gzip")
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
    assert ResponseBody(response, CallContext("GET", "http://test/")).read(100) == b"cached"
