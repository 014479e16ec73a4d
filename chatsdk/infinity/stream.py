"""The events of a streamed answer, in all the forms that servers of this API send."""

from __future__ import annotations

import io
from typing import Any, Dict, List, Optional, Tuple

from .._core.error_body import is_error_body, is_keep_alive
from .._core.json_codec import join_surrogates, split_surrogate
from .models import ChatResponse, StreamChunk

_UNNAMED = (b"", b"message")  # an event without a name is called "message"
_FIELDS = frozenset(["type", "text", "content", "response", "metadata", "conversationId"])


def _is_failure(data: Dict[str, Any]) -> bool:
    failed = data.get("code") or data.get("success") is False
    said = data.get("detail") or (failed and data.get("message"))
    return is_error_body(data) or bool(said and _FIELDS.isdisjoint(data))


class ChunkReader:
    """Reads the events of one answer: a chunk of each, and one response of all.

    The server names its events (``start``, ``chunk``, ``done``, ...). Other servers of this API send events
    without a name, whose data has a ``type``, or nothing but ``content`` or ``metadata``.
    """

    names = frozenset([*_UNNAMED, b"chunk", b"text", b"start", b"done", b"complete", b"metadata"])
    is_failure = staticmethod(_is_failure)
    finished: int

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")  # newline="" keeps every CRLF
        self._held = ""  # the first half of a character
        self._metadata: Dict[str, Any] = {}
        self._plain: Optional[Dict[str, Any]] = None  # an answer that is plain JSON
        self._final: List[StreamChunk] = []
        self.answered = self.finished = self.ended = False

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[StreamChunk]:
        """Return the chunk for an event; None for ``start``, which holds nothing but the conversation."""
        kind, fields = _kind(name, data)
        if is_keep_alive(kind):
            return None
        if kind in ("", "chunk", "text"):
            key = next((key for key in ("text", "content") if isinstance(fields.get(key), str)), None)
            if key is not None:
                text: str = fields.pop(key)
                self._text.write(text)
                self.answered = self.answered or text != ""
                text, self._held = split_surrogate(self._held + text)
                return StreamChunk("text", text, metadata=self._add_metadata(fields) or None)
        if kind in ("done", "complete"):
            self.answered = self.finished = self.ended = True
        elif kind not in ("", "start", "metadata"):
            fields = {kind: fields}
        chunk = self._metadata_chunk(fields)
        return None if kind == "start" else chunk

    def read_response(self, body: Dict[str, Any]) -> Optional[StreamChunk]:
        """Return the text chunk of an answer that is plain JSON; the rest of it follows at the end."""
        text = body.get("response")
        if not isinstance(text, str):
            return None
        self._plain = body
        self.answered = self.finished = self.ended = True
        rest = self._metadata_chunk({name: value for name, value in body.items() if name != "response"})
        self._final = [] if rest is None else [rest]
        return StreamChunk("text", text)

    def final_items(self) -> List[StreamChunk]:
        """Return the chunks at the end of a complete answer; the last one is ``done``."""
        held = [StreamChunk("text", "\ufffd")] if self._held else []
        return [*held, *self._final, StreamChunk("done")]

    def metadata(self) -> Dict[str, Any]:
        """Return what came beside the text: conversationId, tokensUsed, memory, ..."""
        return dict(self._metadata)

    def result(self) -> ChatResponse:
        """Return the response of all events so far."""
        if self._plain is not None:
            return ChatResponse.from_dict(self._plain)
        metadata = self.metadata()
        body = {
            "response": join_surrogates(self._text.getvalue()),
            "conversationId": metadata.pop("conversationId", None),
            "metadata": metadata,
        }
        return ChatResponse.from_dict(body)

    def _metadata_chunk(self, fields: Dict[str, Any]) -> Optional[StreamChunk]:
        metadata = self._add_metadata(fields)
        return StreamChunk("metadata", metadata=metadata) if metadata else None

    def _add_metadata(self, fields: Dict[str, Any]) -> Dict[str, Any]:
        """Add *fields* to the metadata and return them, those in "metadata" beside the others."""
        inner = fields.get("metadata", {})
        if inner is None or isinstance(inner, dict):
            fields = {
                **{name: value for name, value in fields.items() if name != "metadata"},
                **(inner or {}),
            }
        self._metadata.update(fields)
        return fields


def _kind(name: bytes, data: Dict[str, Any]) -> Tuple[str, Dict[str, Any]]:
    """Return the name or type of an event, and its other fields."""
    fields = dict(data)
    if name not in _UNNAMED:
        return name.decode("utf-8", "replace"), fields
    kind = fields.pop("type", "")
    return (kind, fields) if isinstance(kind, str) else ("", dict(data))
