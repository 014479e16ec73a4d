"""Audio and images: what is uploaded, and what is made of the answers."""

import base64
import io
import json
import tempfile
from contextlib import suppress
from email import message_from_bytes
from pathlib import Path

import pytest

from chatsdk import Client, zaguan
from chatsdk._core import multipart
from chatsdk.testing import LocalServer
from chatsdk.zaguan import AudioSpeechRequest, ImageData, ImageGenerationRequest
from tests.support.cases import for_each

from .helpers import ZAGUAN, sent_json

PNG = b"\x89PNG\r\n\x1a\n"
IMAGES = {"created": 1731000000, "data": [{"b64_json": base64.b64encode(PNG).decode()}], "usage": {"a": 1}}


@pytest.fixture
def form(http):
    """Answer an upload; return its parts as they come: name, file name, type and bytes."""

    def answer(path, body):
        parts = []

        def read(request):
            head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
            data = (
                request.body if isinstance(request.body, bytes) else request.body.read()
            )  # responses reads it
            assert request.headers["Content-Length"] == str(len(data))
            for part in message_from_bytes(head + data).get_payload():
                name = part.get_param("name", header="Content-Disposition")
                kind = part.get("Content-Type")
                parts.append((name, part.get_filename(), kind, part.get_payload(decode=True)))
            return 200, {}, body

        http.add_callback("POST", ZAGUAN + path, read)
        return parts

    return answer


def test_a_transcription(client, form):
    parts = form("/v1/audio/transcriptions", '{"text": "Hola 😀", "words": [{"word": "Hola"}], "x": 1}')
    result = client.zaguan.create_transcription(
        ("a.mp3", b"RIFF"),
        language="es",
        response_format="verbose_json",
        temperature=0.5,
        timestamp_granularities=["word", "segment"],
        chunking_strategy={"type": "server_vad"},
    )
    assert (result.text, result.words, result.extra) == ("Hola 😀", [{"word": "Hola"}], {"x": 1})
    assert parts == [
        ("model", None, None, b"whisper-1"),
        ("language", None, None, b"es"),
        ("response_format", None, None, b"verbose_json"),
        ("temperature", None, None, b"0.5"),
        ("timestamp_granularities[]", None, None, b"word"),
        ("timestamp_granularities[]", None, None, b"segment"),
        ("chunking_strategy", None, None, b'{"type":"server_vad"}'),
        ("file", "a.mp3", "audio/mpeg", b"RIFF"),
    ]


def test_texts_in_all_formats(client, form):
    """Some servers send JSON whatever is asked for."""
    answers = {'{"text": "{one} two"}': "{one} two", "\ufeff{one} two": "{one} two", "[1]": "[1]", "": ""}
    for answer in answers:
        form("/v1/audio/translations", answer)
    for text, kind in zip(answers.values(), ["text", "srt", "vtt", "text"]):
        assert client.zaguan.create_translation(b"", response_format=kind).text == text


@pytest.mark.parametrize("kind", ["json", "text"])
def test_an_error_is_no_text(client, form, kind):
    form("/v1/audio/translations", '{"error": {"message": "no voice"}}')
    with pytest.raises(zaguan.APIResponseError, match="no voice"):
        client.zaguan.create_translation(b"", response_format=kind)


def test_speech(client, http, tmp_path):
    http.add("POST", ZAGUAN + "/v1/audio/speech", body=b"ID3", content_type="audio/mpeg")
    request = AudioSpeechRequest("tts-1", "Hola", "alloy", speed=1.5)
    assert client.zaguan.create_speech(request).content == b"ID3"
    assert sent_json(http) == {"model": "tts-1", "input": "Hola", "voice": "alloy", "speed": 1.5}
    client.zaguan.create_speech(request, tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == b"ID3"


def test_an_error_is_no_speech(client, http, tmp_path):
    http.add("POST", ZAGUAN + "/v1/audio/speech", json={"error": {"message": "no voice"}})
    with pytest.raises(zaguan.APIResponseError, match="no voice"):
        client.zaguan.create_speech(AudioSpeechRequest("tts-1", "Hola", "alloy"), tmp_path / "a.mp3")
    assert not (tmp_path / "a.mp3").exists()


def test_a_path_that_cannot_be_written_is_refused_before_speech_is_paid_for(http, client, tmp_path):
    for path in (tmp_path / "missing" / "a.mp3", tmp_path):
        with pytest.raises(OSError, match="cannot save a file") as info:
            client.zaguan.create_speech(AudioSpeechRequest("tts-1", "Hola", "alloy"), path)
        assert info.value.filename == str(path)
    assert not http.calls


def test_an_image(client, http, tmp_path):
    http.add("POST", ZAGUAN + "/v1/images/generations", json=IMAGES)
    made = client.zaguan.create_image(ImageGenerationRequest("a cat", n=1), size="1024x1024")
    assert sent_json(http) == {"prompt": "a cat", "n": 1, "size": "1024x1024"}
    (image,) = made
    image.save(tmp_path / "cat.png")
    assert (tmp_path / "cat.png").read_bytes() == image.content == PNG
    assert (made.created, made.usage) == (1731000000, {"a": 1})


def test_an_image_in_a_data_url():
    assert ImageData(url="data:image/png;base64," + base64.b64encode(PNG).decode()).content == PNG


@for_each([ImageData(url="https://images.example/1.png"), ImageData()])
def test_the_address_of_an_image_is_not_fetched(image, tmp_path):
    with pytest.raises(zaguan.InvalidRequestError, match="b64_json"):
        image.save(tmp_path / "cat.png")
    assert not (tmp_path / "cat.png").exists()


@for_each(
    [ImageData(b64_json="abcde"), ImageData(b64_json="€"), ImageData(url="data:image/svg+xml;utf8,<svg/>")]
)
def test_an_image_that_is_no_base64(image):
    with pytest.raises(zaguan.APIResponseError, match="base64") as caught:
        _ = image.content
    assert caught.value.partial is image


def test_an_edit_of_several_images(client, form):
    parts = form("/v1/images/edits", json.dumps(IMAGES))
    images = [("a.png", PNG), ("b.png", b"b", "image/x")]
    made = client.zaguan.edit_image(images, "a hat", ("m.png", b"m"), n=2, background="transparent")
    assert made.data[0].content == PNG
    assert parts == [
        ("prompt", None, None, b"a hat"),
        ("n", None, None, b"2"),
        ("background", None, None, b"transparent"),
        ("image[]", "a.png", "image/png", PNG),
        ("image[]", "b.png", "image/x", b"b"),
        ("mask", "m.png", "image/png", b"m"),
    ]


def named(path):
    return path.open("rb")


def moved(path):
    file = io.BytesIO(b"???" + PNG)
    file.seek(3)
    return file


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (str, "a cat.png"),
        (Path, "a cat.png"),
        (named, "a cat.png"),
        (lambda path: ("dir/b.png", path.open("rb")), "b.png"),
        (lambda path: PNG, "file"),
        (moved, "file"),
    ],
)
def test_what_can_be_uploaded(client, form, tmp_path, make, name):
    path = tmp_path / "a cat.png"
    path.write_bytes(PNG)
    parts = form("/v1/images/variations", json.dumps(IMAGES))
    upload = make(path)
    client.zaguan.create_image_variation(upload)
    kind = "image/png" if name.endswith("png") else "application/octet-stream"
    assert parts == [("image", name, kind, PNG)]
    for file in upload if isinstance(upload, tuple) else [upload]:
        if hasattr(file, "close"):
            assert not file.closed  # it is the caller's
            file.close()


@pytest.mark.parametrize("upload", [io.StringIO("x"), 5, ("a.png", None)])
def test_what_cannot_be_uploaded(client, upload):
    with pytest.raises(zaguan.InvalidRequestError, match="binary mode"):
        client.zaguan.create_image_variation(upload)


class AsyncFile:
    """A file of an async web framework."""

    async def read(self, size):
        raise AssertionError("never awaited")


@pytest.mark.filterwarnings("ignore:coroutine")
def test_files_that_give_no_bytes(tmp_path):
    text = tempfile.NamedTemporaryFile("w+", dir=tmp_path)  # noqa: SIM115  # no io.TextIOBase
    with LocalServer() as server, Client(**server.services()) as client, text:
        text.write("text")
        text.seek(0)
        for upload in (text, AsyncFile()):
            with pytest.raises(TypeError, match="binary mode"):
                client.zaguan.create_image_variation(upload)


@for_each([{"prompt": "\ud800"}, {"temperature": float("nan")}])
def test_fields_that_cannot_be_sent(fields, client):
    with pytest.raises(zaguan.InvalidRequestError):
        client.zaguan.create_transcription(b"", **fields)


def test_files_are_closed(client, form, tmp_path, monkeypatch):
    opened = []

    def remember(path, mode):
        opened.append(open(path, mode))  # noqa: SIM115
        return opened[-1]

    monkeypatch.setattr(multipart, "open", remember, raising=False)
    (tmp_path / "a.png").write_bytes(PNG)
    form("/v1/images/edits", "{}")
    with suppress(zaguan.APIResponseError):
        client.zaguan.edit_image(tmp_path / "a.png", "x")
    with pytest.raises(FileNotFoundError):
        client.zaguan.edit_image(tmp_path / "a.png", "x", tmp_path / "b.png")
    assert [file.closed for file in opened] == [True, True]
