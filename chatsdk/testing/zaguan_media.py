"""Fake Zaguan CoreX: embeddings, moderations, audio and images, at no credits."""

from __future__ import annotations

import hashlib
import struct
import time
from base64 import b64encode
from typing import Any, Dict, List

from .exchange import Reply, Request, dumps
from .routing import FakeService, route
from .validation import Param

_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
_SPEECH = "ID3"  # the fake audio of a text is this prefix and the text
_CATEGORIES = ("harassment", "hate", "self-harm/intent", "sexual", "violence")
_MODEL, _INPUT, _FORMAT = Param("model", min=1), Param("input", (str, list), min=1), "response_format"
_EMBEDDING = [_MODEL, _INPUT, Param("encoding_format", default="float", choices=("float", "base64"))]
_IMAGE = [Param("n", int, 1, min=1, max=10), Param(_FORMAT, default="b64_json", choices=("url", "b64_json"))]


class Media(FakeService):
    """The endpoints for embeddings, moderations, audio and images."""

    @route("POST", "/v1/embeddings", body=_EMBEDDING)
    def _embed(self, request: Request) -> object:
        data: List[Dict[str, Any]] = []
        for index, text in enumerate(_inputs(request)):
            vector: Any = [byte / 256 for byte in hashlib.sha256(dumps(text).encode()).digest()[:8]]
            if request.fields["encoding_format"] == "base64":
                vector = b64encode(struct.pack("<8f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
        return {"object": "list", "data": data, "model": request.fields["model"], "usage": usage}

    @route("POST", "/v1/moderations", body=[_INPUT])
    def _moderate(self, request: Request) -> object:
        flags = {"categories": dict.fromkeys(_CATEGORIES, False), "flagged": False}
        result = {**flags, "category_scores": dict.fromkeys(_CATEGORIES, 0.0)}
        return {"id": "modr-1", "model": "omni-moderation", "results": [result for _ in _inputs(request)]}

    @route("POST", "/v1/audio/speech", body=[_MODEL, Param("input"), Param("voice")])
    def _speak(self, request: Request) -> Reply:
        return Reply.text(_SPEECH + request.fields["input"], 200, "audio/mpeg")

    @route("POST", "/v1/audio/{task}", form=[_MODEL, Param("file"), Param(_FORMAT, default="json")])
    def _transcribe(self, request: Request) -> object:
        """Return the text of audio from /v1/audio/speech, or a fixed text for other audio."""
        file: str = request.fields["file"]
        text = file[len(_SPEECH) :] if file.startswith(_SPEECH) else "A recording."
        segment, times = {"start": 0.0, "end": 1.0, "text": text}, "00:00:00,000 --> 00:00:01,000"
        plain = {"text": text, "srt": f"1\n{times}\n{text}\n", "vtt": f"WEBVTT\n\n{times}\n{text}\n"}
        if request.fields[_FORMAT] in plain:
            return Reply.text(plain[request.fields[_FORMAT]], 200)
        more = {"language": "english", "duration": 1.0, "segments": [segment]}
        return {"text": text, **(more if request.fields[_FORMAT] == "verbose_json" else {})}

    @route("POST", "/v1/images/generations", body=[Param("prompt", min=1), *_IMAGE])
    def _create_image(self, request: Request) -> object:
        """Return images of one pixel."""
        image = {"b64_json": _PNG, "url": "https://images.example/1.png"}
        data = [{request.fields[_FORMAT]: image[request.fields[_FORMAT]]}] * request.fields["n"]
        return {"created": int(time.time()), "data": data}

    @route("POST", "/v1/images/{task}", form=[Param("image"), *_IMAGE])
    def _edit_image(self, request: Request) -> object:
        return self._create_image(request)


def _inputs(request: Request) -> List[Any]:
    value = request.fields["input"]
    return value if isinstance(value, list) and not isinstance(value[0], int) else [value]
