"""What there is for a user beside the chats: preferences, usage, feedback. The cookie says who it is."""

import threading
from typing import Any, Dict

from ..exchange import Refusal, Reply, Request
from .errors import plain
from .quota import Quota
from .reading import cookie_user, read_body, required_text

_CHATS_IN = {"daily": 10, "monthly": 100}  # as the service tells it: what it allows is something else
_NOT_SAVED = plain(500, "Failed to save preferences")


class Account:
    """The preferences of all users. Thread-safe."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._lock = threading.Lock()
        self._preferences: Dict[str, Any] = {}

    def show_preferences(self, request: Request) -> Reply:
        """GET /user/preferences: none for a stranger."""
        with self._lock:
            preferences = self._preferences.get(cookie_user(request) or "", {})
        return Reply.json({"preferences": preferences})

    def save_preferences(self, request: Request) -> Reply:
        """POST /user/preferences."""
        user_id = cookie_user(request)
        if user_id is None:
            raise Refusal(plain(400, "User identification required"))
        preferences = read_body(request, _NOT_SAVED).get("preferences")
        if not isinstance(preferences, (dict, list)):
            raise Refusal(plain(400, "Invalid preferences"))
        with self._lock:
            self._preferences[user_id] = preferences
        return Reply.json({"success": True})

    def usage(self, request: Request) -> Reply:
        """GET /user/usage."""
        usage = self._quota.used(cookie_user(request) or "")
        left = {
            "daily": max(0, _CHATS_IN["daily"] - usage["today"]),
            "monthly": max(0, _CHATS_IN["monthly"] - usage["thisMonth"]),
        }
        return Reply.json({"usage": usage, "limits": _CHATS_IN, "tier": "free", "remaining": left})


def take_feedback(request: Request) -> Reply:
    """POST /feedback."""
    crash = plain(500, "Failed to submit feedback")
    required_text(read_body(request, crash), "message", plain(400, "Message is required"))
    return Reply.json({"success": True})
