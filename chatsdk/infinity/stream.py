"""The events of a streamed answer, in all the grammars that servers of this API speak."""

from __future__ import annotations

import io
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .._core.error_body import is_error_body, is_keep_alive
from .._core.surrogates import SurrogateJoiner, join_surrogates
from .models import ChatResponse, StreamChunk

_UNNAMED = (b"", b"message")  # an event without a name is called "message"
_TEXTS = ("text", "content")


class ChunkReader:
    """Reads the events of one answer: makes a chunk of each, and one response of all.

    The server names its events (``start``, ``chunk``, ``done`` and others, ``error`` aside). Others of its
    family send events without a name, whose data has a ``type`` or nothing but ``content`` or ``metadata``.
    """

    names = frozenset([*_UNNAMED, b"chunk", b"text", b"start", b"done", b"complete", b"metadata"])
    is_failure = staticmethod(is_error_body)

    def __init__(self) -> None:
        self._joiner = SurrogateJoiner()
        self._text = io.StringIO(newline="")  # newline="" keeps every CRLF
        self._told: Dict[str, Any] = {}
        self._whole: Optional[Dict[str, Any]] = None
        self._last: List[StreamChunk] = []
        self.finished = False

    @property
    def answered(self) -> bool:
        """Whether text has come, or the end of an answer without any."""
        return self.finished or self._text.tell() > 0

    @property
    def ended(self) -> bool:
        """Whether ``done`` has come: nothing follows it."""
        return self.finished

    def read(self, name: bytes, data: Dict[str, Any]) -> Optional[StreamChunk]:
        """Return the chunk for one event; None for ``start``, which only tells the conversation."""
        kind, told = _kind(name, data)
        if is_keep_alive(kind):
            return None
        if kind in ("", "chunk", "text"):
            text = _take_text(told)
            if text is not None:
                self._text.write(text)
                chunk = StreamChunk("text", self._joiner.add(text))
                if told:
                    chunk.metadata = self._note(_merge_metadata(told))
                return chunk
        if kind == "start":
            self._note(_merge_metadata(told))
            return None
        if kind in ("done", "complete"):
            self.finished = True
        elif kind not in ("", "metadata"):
            told = {kind: told}
        return self._metadata(told)

    def read_response(self, body: Dict[str, Any]) -> Optional[StreamChunk]:
        """Return the text chunk of an answer that came as plain JSON; what else it tells comes after it."""
        text = body.get("response")
        if not isinstance(text, str):
            return None
        self._whole = body
        self.finished = True
        rest = self._metadata({name: value for name, value in body.items() if name != "response"})
        self._last = [rest] if rest is not None else []
        return StreamChunk("text", text)

    def final_items(self) -> Sequence[StreamChunk]:
        """Return the chunks at the end of a whole answer: the last one is ``done``."""
        if self._joiner.held:  # the other half of a character never came
            self._last.insert(0, StreamChunk("text", join_surrogates(self._joiner.held)))
        return [*self._last, StreamChunk("done")]

    def metadata(self) -> Dict[str, Any]:
        """Return what came beside the text: conversationId, tokensUsed, memory, ..."""
        return dict(self._told)

    def result(self) -> ChatResponse:
        """Return the whole response, as far as it came."""
        if self._whole is not None:
            return ChatResponse.from_dict(self._whole)
        told = self.metadata()
        conversation = told.pop("conversationId", None)
        return ChatResponse.from_dict(
            {
                "response": join_surrogates(self._text.getvalue()),
                "conversationId": conversation,
                "metadata": told,
            }
        )

    def _metadata(self, told: Dict[str, Any]) -> Optional[StreamChunk]:
        told = self._note(_merge_metadata(told))
        return StreamChunk("metadata", metadata=told) if told else None

    def _note(self, told: Dict[str, Any]) -> Dict[str, Any]:
        self._told.update(told)
        return told


def _kind(name: bytes, data: Dict[str, Any]) -> Tuple[str, Dict[str, Any]]:
    """Return what an event is, and what it tells beside that."""
    if name not in _UNNAMED:
        return name.decode("utf-8", "replace"), data
    told = dict(data)
    kind = told.pop("type", "")
    return (kind, told) if isinstance(kind, str) else ("", dict(data))


def _take_text(told: Dict[str, Any]) -> Optional[str]:
    """Return the text among *told*, taken out of it."""
    for name in _TEXTS:
        if isinstance(told.get(name), str):
            text: str = told.pop(name)
            return text
    return None


def _merge_metadata(told: Dict[str, Any]) -> Dict[str, Any]:
    """Return *told* with what stands in its metadata object beside the rest."""
    inner = told.get("metadata", {})
    if inner is not None and not isinstance(inner, dict):
        return told
    return {**{name: value for name, value in told.items() if name != "metadata"}, **(inner or {})}
