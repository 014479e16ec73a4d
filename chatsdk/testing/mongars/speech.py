"""How monGARS would speak an answer."""

import re
import uuid
from typing import Any, Dict, List

from . import clock

_WORDS_PER_SECOND = 2.75
_PAUSE = 0.35  # after a sentence, as a part of its duration
_LAST_PAUSE = 0.25  # more seconds after the last one
_LONGEST_PAUSE = 1.35
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


def speech_turn(text: str) -> Dict[str, Any]:
    """The text, and each sentence with its duration and the pause after it, in seconds."""
    sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence] or ["..."]
    return {
        "turn_id": str(uuid.uuid4()),
        "text": text,
        "created_at": clock.iso(clock.moment(clock.now())),
        "segments": _segments(sentences),
        "average_words_per_second": _WORDS_PER_SECOND,
        "tempo": 1.0,
    }


def _segments(sentences: List[str]) -> List[Dict[str, Any]]:
    segments: List[Dict[str, Any]] = []
    for position, sentence in enumerate(sentences, start=1):
        duration = len(sentence.split()) / _WORDS_PER_SECOND
        pause = duration * _PAUSE + (_LAST_PAUSE if position == len(sentences) else 0.0)
        segments.append(
            {
                "text": sentence,
                "estimated_duration": round(duration, 3),
                "pause_after": round(min(pause, _LONGEST_PAUSE), 3),
            }
        )
    return segments
