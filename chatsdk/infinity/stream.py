"""Infinity Assistant: the events of a streamed answer, in all forms that servers of this API send."""

from __future__ import annotations

import io
from typing import Any, Dict, List, Optional

from .._core.error_body import is_error_body
from .._core.json_codec import join_surrogates, split_surrogate
from .models import ChatResponse, StreamChunk

_UNNAMED = (b"", b"message")  # an event without a name is called "message"
_FIELDS = frozenset(["type", "text", "content", "response", "metadata", "conversationId"])


class ChunkReader:
    """Converts each event of an answer to a chunk, and all of them to one response.

    The server names its events (``start``, ``chunk``, ``done``, ...). Other servers of this API send events
    without a name, whose data has a ``type``, or nothing but ``content`` or ``metadata``.
    """

    object_events = frozenset([*_UNNAMED, b"chunk", b"text", b"start", b"done", b"complete", b"metadata"])
    finished: int

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")  # newline="" keeps every CRLF
        self._held = ""  # the first half of a surrogate pair
        self._metadata: Dict[str, Any] = {}
        self._plain: Optional[Dict[str, Any]] = None  # an answer that is plain JSON
        self.answered = self.finished = self.ended = False

    def is_failure(self, body: Dict[str, Any]) -> bool:
        """Return whether an event or a plain JSON answer reports an error."""
        failed = body.get("code") or body.get("success") is False
        message = body.get("detail") or (failed and body.get("message"))
        return is_error_body(body) or bool(message and _FIELDS.isdisjoint(body))

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[StreamChunk]:
        """Return the chunk for an event; None for ``start``, which only holds the conversation id."""
        fields = dict(data)
        if name not in _UNNAMED:
            kind = name.decode("utf-8", "replace")
        else:
            kind = fields.pop("type") if isinstance(fields.get("type"), str) else ""
        if kind in ("", "chunk", "text"):
            key = next((key for key in ("text", "content") if isinstance(fields.get(key), str)), None)
            if key is not None:
                return self._text_chunk(fields.pop(key), fields)
        if kind in ("done", "complete"):
            self.answered = self.finished = self.ended = True
        elif kind not in ("", "start", "metadata"):
            fields = {kind: fields}
        metadata = self._add_metadata(fields)
        return StreamChunk("metadata", metadata=metadata) if metadata and kind != "start" else None

    def read_response(self, body: Dict[str, Any]) -> Optional[StreamChunk]:
        """Return the text chunk of an answer that is plain JSON; ``final_items`` returns its metadata."""
        text = body.get("response")
        if not isinstance(text, str):
            return None
        self._plain = body
        self._add_metadata({name: value for name, value in body.items() if name != "response"})
        return StreamChunk("text", text)

    def final_items(self) -> List[StreamChunk]:
        """Return the chunks at the end of a complete answer; the last one is ``done``."""
        held = [StreamChunk("text", "\ufffd")] if self._held else []
        rest = [StreamChunk("metadata", metadata=self.metadata())] if self._plain and self._metadata else []
        return [*held, *rest, StreamChunk("done")]

    def metadata(self) -> Dict[str, Any]:
        """Return the fields other than the text: conversationId, tokensUsed, memory, ..."""
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

    def _text_chunk(self, text: str, fields: Dict[str, Any]) -> StreamChunk:
        self._text.write(text)
        self.answered = self.answered or text != ""
        text, self._held = split_surrogate(self._held + text)
        return StreamChunk("text", text, metadata=self._add_metadata(fields) or None)

    def _add_metadata(self, fields: Dict[str, Any]) -> Dict[str, Any]:
        """Add *fields* to the metadata and return them, with those in "metadata" at the top level."""
        inner = fields.get("metadata", {})
        if inner is None or isinstance(inner, dict):
            others = {name: value for name, value in fields.items() if name != "metadata"}
            fields = {**others, **(inner or {})}
        self._metadata.update(fields)
        return fields
