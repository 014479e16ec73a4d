"""Zaguan's methods on a real LiteLLM proxy."""

import os
from pathlib import Path

import pytest

from chatsdk import BadRequestError, NotFoundError
from chatsdk.zaguan import Zaguan

from .provider import IMAGE, SPEECH, SRT, TEXT, VECTOR, VTT, Provider

SOUND = b"RIFF\r\n--\x00" * 10_000


def test_a_chat(api: Zaguan) -> None:
    assert api.chat(model="gpt-4o", messages="Hi").text == "Hello from LiteLLM"
    stream = api.chat_stream(model="gpt-4o", messages="Hi")
    assert "".join(chunk.text for chunk in stream) == "Hello from LiteLLM"
    assert "whisper-1" in [model.id for model in api.list_models()]


def test_embeddings(api: Zaguan) -> None:
    made = api.create_embeddings(model="embedding", input=["a", "b"])
    assert [row["embedding"] for row in made.to_rows()] == [VECTOR, VECTOR]
    assert made.usage is not None
    assert made.usage.prompt_tokens == 2
    encoded = api.create_embeddings(model="embedding", input="a", encoding_format="base64")
    assert encoded.data[0].embedding == VECTOR


def test_a_moderation(api: Zaguan) -> None:
    (result,) = api.create_moderation(model="omni-moderation-latest", input="a text")
    assert result.flagged
    assert result.categories["violence"] is True
    assert result.categories["self-harm/intent"] is False


def test_speech(api: Zaguan, tmp_path: Path) -> None:
    api.create_speech(model="tts-1", input="Hello", voice="alloy").save(tmp_path / "a.mp3")
    assert (tmp_path / "a.mp3").read_bytes() == SPEECH


def test_transcriptions(api: Zaguan, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SOUND)
    for kind, text in (
        (None, TEXT),
        ("verbose_json", TEXT),
        ("text", TEXT + "\n"),
        ("srt", SRT),
        ("vtt", VTT),
    ):
        made = api.create_transcription(tmp_path / "a.wav", response_format=kind)
        assert made.text == text
    verbose = api.create_transcription(
        tmp_path / "a.wav", response_format="verbose_json", timestamp_granularities=["segment"]
    )
    assert (verbose.language, verbose.duration) == ("english", 1.5)
    assert verbose.segments is not None
    assert verbose.segments[0]["end"] == 1.5


def test_all_kinds_of_uploads(api: Zaguan, provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(SOUND)
    reading, writing = os.pipe()
    os.write(writing, SOUND[:1000])
    os.close(writing)
    with (tmp_path / "a.wav").open("rb") as file, os.fdopen(reading, "rb") as pipe:
        for upload, sent in (
            (str(tmp_path / "a.wav"), SOUND),
            (("a.wav", SOUND), SOUND),
            (file, SOUND),
            (("a.wav", pipe), SOUND[:1000]),
        ):
            assert api.create_transcription(upload).text == TEXT
            path, body = provider.requests[-1]
            assert path == "/audio/transcriptions"
            assert b"\r\n\r\n" + sent + b"\r\n--" in body


def test_images(api: Zaguan, provider: Provider, tmp_path: Path) -> None:
    api.create_image(model="gpt-image-1", prompt="a cat").data[0].save(tmp_path / "cat.png")
    assert (tmp_path / "cat.png").read_bytes() == IMAGE
    mask = ("mask.png", b"\x89PNG\r\n\x1a\nmask")
    edited = api.edit_image(tmp_path / "cat.png", "a hat", mask, model="gpt-image-1")
    assert edited.data[0].content == IMAGE
    path, body = provider.requests[-1]
    assert path == "/images/edits"
    assert IMAGE in body
    assert mask[1] in body


def test_what_it_does_not_have(api: Zaguan) -> None:
    """If one of these fails, LiteLLM has it now: it is to be tested as the others are."""
    with pytest.raises(NotFoundError):
        api.create_translation(("a.wav", SOUND))
    with pytest.raises(NotFoundError):
        api.create_image_variation(("a.png", IMAGE), model="gpt-image-1")


def test_what_it_refuses(api: Zaguan) -> None:
    with pytest.raises(BadRequestError, match="nope"):
        api.create_embeddings(model="nope", input="a")
    with pytest.raises(BadRequestError, match="nope"):
        api.create_transcription(("a.wav", SOUND), model="nope")
