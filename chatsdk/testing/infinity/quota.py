"""How many chats each user has had, and how many there are in a day."""

import threading
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Optional

from ..exchange import Refusal
from .errors import too_many

UNLIMITED = -1

_TWICE_AS_MANY = ("pro", "assistant_pro")
_WITHOUT_LIMIT = ("business", "team", "enterprise", "builder_pro")


class Quota:
    """The chats of all users. Thread-safe.

    Args:
        daily_limit: How many a user has in a day; the tier above has twice as many. -1 is no limit.
    """

    def __init__(self, daily_limit: int) -> None:
        self._daily_limit = daily_limit
        self._lock = threading.Lock()
        self._days: Dict[str, List[str]] = {}  # of the chats of each user
        self._tokens: Dict[str, int] = {}

    def spend(self, user_id: str, tier: Optional[str], suggests: bool) -> Dict[str, Any]:
        """Count a chat; return what is left then.

        Raises:
            Refusal: 429, nothing was left.
        """
        limit = self._limit((tier or "").lower())
        today = _today()
        with self._lock:
            days = self._days.setdefault(user_id, [])
            used = days.count(today)
            if limit != UNLIMITED and used >= limit:
                raise Refusal(too_many(used_up(limit), suggests))
            days.append(today)
        if limit == UNLIMITED:
            return {"allowed": True, "limit": UNLIMITED, "remaining": UNLIMITED}
        left = limit - used - 1
        # The last chat of a day says already that there is none left.
        return {"allowed": True, "limit": limit, "remaining": left} if left else used_up(limit)

    def add_tokens(self, user_id: str, tokens: int) -> None:
        """Note what a chat has cost."""
        with self._lock:
            self._tokens[user_id] = self._tokens.get(user_id, 0) + tokens

    def used(self, user_id: str) -> Dict[str, int]:
        """What a user has used."""
        today = _today()
        with self._lock:
            days = list(self._days.get(user_id, []))
            tokens = self._tokens.get(user_id, 0)
        month = [day for day in days if day[:7] == today[:7]]
        return {"today": month.count(today), "thisMonth": len(month), "tokensUsed": tokens}

    def _limit(self, tier: str) -> int:
        if self._daily_limit == UNLIMITED or tier in _WITHOUT_LIMIT:
            return UNLIMITED
        return 2 * self._daily_limit if tier in _TWICE_AS_MANY else self._daily_limit


def used_up(limit: int) -> Dict[str, Any]:
    """The state of a user who has no chat left today."""
    reset = f"{datetime.now(timezone.utc).date() + timedelta(days=1)}T00:00:00.000Z"
    return {
        "allowed": False,
        "limit": limit,
        "remaining": 0,
        "reset_at": reset,
        "reason": f"Daily limit of {limit} requests reached. Reset at {reset}",
    }


def _today() -> str:
    return str(datetime.now(timezone.utc).date())
