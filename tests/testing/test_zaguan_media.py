"""Fake Zaguan: embeddings, moderations, audio and images, as the client sees them."""

import json

import pytest

from chatsdk import Client
from chatsdk.zaguan import BadRequestError

from .shapes import differences, recordings

RECORDED = recordings("zaguan")


@pytest.fixture
def api(server):
    with Client(**server.services()) as client:
        yield client.zaguan


def test_embeddings(api):
    one, two, again = api.create_embeddings(model="m", input=["a", "b", "a"])
    assert [one.index, two.index, again.index] == [0, 1, 2]
    assert one.embedding == again.embedding != two.embedding
    encoded = api.create_embeddings(model="m", input="a", encoding_format="base64")
    assert encoded.data[0].embedding == one.embedding
    assert len(api.create_embeddings(model="m", input=[1, 2, 3]).data) == 1
    assert len(api.create_embeddings(model="m", input=[[1, 2], [3]]).data) == 2


def test_a_moderation(api):
    results = api.create_moderation(input=["a", "b"]).results
    assert [result.flagged for result in results] == [False, False]
    assert results[0].categories["self-harm/intent"] is False


def test_speech_and_its_text(api, tmp_path):
    speech = api.create_speech(model="tts-1", input="Olá 😀", voice="alloy")
    assert speech.headers["Content-Type"] == "audio/mpeg"
    speech.save(tmp_path / "speech.mp3")
    assert api.create_transcription(tmp_path / "speech.mp3").text == "Olá 😀"
    verbose = api.create_translation(tmp_path / "speech.mp3", response_format="verbose_json")
    assert (verbose.language, verbose.segments[0]["text"]) == ("english", "Olá 😀")
    for kind, start in (("text", "Olá 😀"), ("srt", "1\n00:00:00,000 --> "), ("vtt", "WEBVTT\n\n")):
        assert api.create_transcription(tmp_path / "speech.mp3", response_format=kind).text.startswith(start)
    assert api.create_transcription(b"RIFF\xff\x00\r\n").text == "A recording."


def test_images(api, tmp_path):
    made = api.create_image(prompt="a cat", n=2)
    assert len(made.data) == 2
    made.data[0].save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    edited = api.edit_image([tmp_path / "a.png", ("b.png", b"b")], "a hat", n=3)
    assert len(edited.data) == 3
    varied = api.create_image_variation(tmp_path / "a.png", response_format="url")
    assert varied.data[0].url.startswith("https://")


def test_what_is_missing_is_named(api):
    with pytest.raises(BadRequestError, match="prompt"):
        api.create_image(prompt="")
    with pytest.raises(BadRequestError, match="model"):
        api.create_transcription(b"", model="")


def test_injected_errors(server, api, monkeypatch):
    monkeypatch.setattr("chatsdk._core.retry.BACKOFF_INITIAL", 0.01)
    server.fail("zaguan", 429, headers={"Retry-After": "0"})
    assert api.create_transcription(b"ID3Hello").text == "Hello"
    assert [request.path for request in server.requests] == ["/v1/audio/transcriptions"] * 2


def test_embeddings_look_as_recorded(zaguan):
    answer = zaguan.post("/v1/embeddings", json={"model": "m", "input": "a"})
    assert answer.status_code == 200
    assert differences(json.loads(RECORDED["aimock__embeddings"]["response"]["body"]), answer.json()) == []
