"""Zaguan CoreX: speech from text, and text from speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Union

import requests

from .._core import json_codec
from .._core.download import Download, FilePath, check_target
from .._core.error_body import is_error_body, parse_error_body
from .._core.model import Model, build_request, collect_arguments, request_fields, required_field
from .._core.multipart import Upload
from .._core.request import Request
from .._core.service import ServiceClient


@dataclass
class AudioSpeechRequest(Model):
    """A request of ``create_speech``.

    ``response_format`` is ``"mp3"`` by default; ``speed`` is from 0.25 to 4; ``instructions`` say how to
    speak.
    """

    model: str
    input: str
    voice: str
    response_format: Optional[str] = None
    speed: Optional[float] = None
    instructions: Optional[str] = None


@dataclass
class AudioTranscriptionResponse(Model):
    """The text of a recording; ``duration`` and the times of ``words`` and ``segments`` are in seconds."""

    text: str = required_field(default="")
    language: Optional[str] = None
    duration: Optional[float] = None
    words: Optional[List[Dict[str, Any]]] = None
    segments: Optional[List[Dict[str, Any]]] = None
    task: Optional[str] = None
    usage: Optional[Dict[str, Any]] = None
    logprobs: Optional[List[Dict[str, Any]]] = None


class Audio(ServiceClient):
    """The endpoints for audio.

    A recording to upload is a path, bytes, or a file opened in binary mode; or a tuple of a name and one of
    these, such as ``("call.mp3", data)``: most servers tell the format by the extension of the name. Files
    are read while they are sent; OSError is raised if one cannot be read.
    """

    def create_speech(
        self,
        request: Union[AudioSpeechRequest, Mapping[str, Any], None] = None,
        output_path: Optional[FilePath] = None,
        request_id: Optional[str] = None,
        *,
        model: Optional[str] = None,
        input: Optional[str] = None,
        voice: Optional[str] = None,
        response_format: Optional[str] = None,
        speed: Optional[float] = None,
        instructions: Optional[str] = None,
    ) -> Download:
        """Convert a text to speech (see AudioSpeechRequest) and return the audio.

        Args:
            output_path: save the audio to this file, as ``Download.save`` does.

        POST /v1/audio/speech
        """
        body = request_fields(build_request(AudioSpeechRequest, request, locals()))
        if output_path is not None:
            check_target(output_path)  # before the speech is paid for
        call = self._request("POST", "/v1/audio/speech", json=body, request_id=request_id)
        speech = call.download()
        if "json" in speech.headers.get("Content-Type", "").lower():  # some gateways send errors with 200
            _read_json(call, speech.response, speech.content)
        if output_path is not None:
            speech.save(output_path)
        return speech

    def create_transcription(
        self,
        file_path: Upload,
        model: str = "whisper-1",
        language: Optional[str] = None,
        prompt: Optional[str] = None,
        response_format: Optional[str] = None,
        temperature: Optional[float] = None,
        request_id: Optional[str] = None,
        *,
        timestamp_granularities: Optional[List[str]] = None,
        include: Optional[List[str]] = None,
        chunking_strategy: Union[str, Dict[str, Any], None] = None,
    ) -> AudioTranscriptionResponse:
        """Transcribe a recording in the language that is spoken.

        Args:
            file_path: the recording: a path, bytes, a file or a tuple (see the class).
            model: the model.
            language: the language that is spoken, such as ``"en"``.
            prompt: a text that shows the style or the names to expect.
            response_format: ``"json"``, ``"verbose_json"`` for times and language too, or ``"text"``,
                ``"srt"`` or ``"vtt"``, which are returned in ``text``.
            temperature: 0 to 1.
            timestamp_granularities: ``"word"``, ``"segment"``; needs ``"verbose_json"``.
            include: additional fields of the response, such as ``"logprobs"``.
            chunking_strategy: ``"auto"``, or settings as a dict.

        POST /v1/audio/transcriptions
        """
        fields = collect_arguments(locals(), "file_path")
        with self._upload("/v1/audio/transcriptions", fields, {"file": file_path}, request_id) as request:
            return _read_text(request, response_format)

    def create_translation(
        self,
        file_path: Upload,
        model: str = "whisper-1",
        prompt: Optional[str] = None,
        response_format: Optional[str] = None,
        temperature: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> AudioTranscriptionResponse:
        """Translate a recording to English text.

        Args:
            prompt: a text, in English, that shows the style or the names to expect.
            file_path, model, response_format, temperature: as for ``create_transcription``.

        POST /v1/audio/translations
        """
        fields = collect_arguments(locals(), "file_path")
        with self._upload("/v1/audio/translations", fields, {"file": file_path}, request_id) as request:
            return _read_text(request, response_format)


def _read_text(request: Request, response_format: Optional[str]) -> AudioTranscriptionResponse:
    """Return the text in a response; LiteLLM sends JSON for every *response_format*."""
    if response_format not in ("text", "srt", "vtt"):
        return request.model(AudioTranscriptionResponse)
    response = request.response(stream=False)
    body = _read_json(request, response, response.content)
    if isinstance(body, dict) and isinstance(body.get("text"), str):
        return AudioTranscriptionResponse.from_dict(body)
    return AudioTranscriptionResponse(response.content.decode("utf-8-sig", "replace"))


def _read_json(request: Request, response: requests.Response, content: bytes) -> Any:
    """Return the value if the content is JSON, else None; an error in it is raised."""
    try:
        body = json_codec.loads(content)
    except (ValueError, RecursionError):
        return None
    if is_error_body(body):
        raise request.invalid_response_error(response, "an error", parse_error_body(body).message)
    return body
