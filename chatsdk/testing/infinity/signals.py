"""What the service makes of a message beside answering it.

Its own rules are long lists of words; these are the few that tests need.
"""

import re
import threading
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Match, Optional, Tuple

from .ids import new_id

_REMEMBER = r"(?:remember|store|save) this|don't forget|keep in mind|always remember"
_ABOUT_ME = r"(?:my name is|i always prefer|i work on|my project is called) \w+"
_NAME = r"my name is (\w+)"
_PHASES = {
    "execute": r"^(?:do|make|create|build|write|implement|fix)\b"
    r"|(?:please|can you) (?:do|make|create|build|write|implement)\b|go ahead|proceed",
    "reflect": r"what do you think|how should (?:we|i) approach|pros and cons",
    "compress": r"summari[sz]e|\brecap\b|key points",
}
# The words of languages with Latin letters do not tell it enough. Kana go before the signs they mix with.
_SCRIPTS = {
    "ja": "[\u3040-\u30ff]",
    "ko": "[\uac00-\ud7af]",
    "zh": "[\u4e00-\u9faf]",
    "ar": "[\u0600-\u06ff]",
}


def to_remember(message: str) -> Optional[str]:
    """What the user wants to be remembered, or None."""
    if not _found(_REMEMBER, message):
        return None
    told = _found(f"(?:{_REMEMBER})[:\\s]+(.+)", message)
    return told.group(1).strip() if told else message


def about_the_user(message: str) -> Optional[str]:
    """What might be worth remembering, or None."""
    told = _found(_ABOUT_ME, message)
    return told.group() if told else None


def foreign_language(message: str) -> Optional[Tuple[str, float]]:
    """The language of a message, and how sure that is; None for those in Latin letters."""
    for language, letters in _SCRIPTS.items():
        if re.search(letters, message):
            return language, 0.9
    return None


@dataclass
class Speaker:
    """Somebody who speaks in a session."""

    id: str
    name: Optional[str] = None


class Signals:
    """The phase of each conversation and the speaker of each session. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._phases: Dict[str, str] = {}
        self._speakers: Dict[str, Speaker] = {}

    def phase(self, conversation_id: str, message: str) -> Optional[Mapping[str, Any]]:
        """The change of phase that a message makes, or None."""
        for phase, words in _PHASES.items():
            if _found(words, message):
                with self._lock:
                    before = self._phases.get(conversation_id, "intake")
                    self._phases[conversation_id] = phase
                return {"from": before, "to": phase, "confidence": 0.3} if phase != before else None
        return None

    def speaker(self, session_id: Optional[str], message: str) -> Optional[Mapping[str, Any]]:
        """Who speaks, where that is somebody new or known by name; None also without a session."""
        if session_id is None:
            return None
        with self._lock:
            is_new = session_id not in self._speakers
            speaker = self._speakers.setdefault(session_id, Speaker(new_id("speaker", 5)))
            name = speaker.name
            told = _found(_NAME, message)
            if told:
                speaker.name = told.group(1)  # from the next message on
        if not is_new and name is None:
            return None
        return {
            "speakerId": speaker.id,
            **({} if name is None else {"speakerName": name}),
            "ageGroup": "adult",
            "greeting": "Hello! How can I help you today?" if name is None else f"Good to see you, {name}!",
        }


def _found(words: str, message: str) -> Optional[Match[str]]:
    return re.search(words, message, re.IGNORECASE)
