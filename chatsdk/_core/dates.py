"""Date-times as the servers write them, read alike on every Python version."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

_UTC = timezone.utc
_from_iso = datetime.fromisoformat
if sys.version_info < (3, 11):  # where it knows no "Z", and only fractions of 3 or 6 digits

    def _from_iso(value: str) -> datetime:
        return datetime.fromisoformat(value[:-1] + "+00:00" if value[-1] == "Z" else value)


# The patterns here and elsewhere are compiled, and kept, by re at their first use: import stays quick.
_ISO_8601 = (
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|z|[+-]\d\d?(?::?\d\d)?)?)?"
)


def parse_datetime(value: Any) -> Any:
    """Return ISO 8601 text as an aware datetime (UTC where it names no zone), all else as it is."""
    try:
        # Other forms that fromisoformat knows differ between Python versions.
        if value[7] == "-" and value[10] == "T" and value[13] == ":" and _has_plain_zone(value):
            found = _from_iso(value)
            return found if found.tzinfo is not None else found.replace(tzinfo=_UTC)
    except (TypeError, ValueError, LookupError):
        pass
    other = _parse_other(value) if isinstance(value, str) else None
    return value if other is None else other


def _has_plain_zone(value: str) -> bool:
    if value[-1] == "Z":
        return value[-2].isdigit()
    return len(value) <= 26 if value[-6] not in "+-" else value[-3] == ":" and value[-7].isdigit()


def _parse_other(value: str) -> Optional[datetime]:
    match = re.fullmatch(_ISO_8601, value, re.ASCII)
    if match is None:
        return None
    *numbers, fraction, zone = match.groups(default="0")
    year, month, day, hour, minute, second = map(int, numbers)
    microsecond = int(fraction[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, _zone(zone))
    except ValueError:  # the 31st of February
        return None


def _zone(text: str) -> timezone:
    if text in ("0", "Z", "z"):
        return _UTC
    digits = text[1:].replace(":", "")
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if text[0] == "-" else offset)


def format_datetime(value: datetime) -> str:
    """Return *value* as ISO 8601, with ``Z`` for UTC."""
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def format_utc(value: Union[datetime, str]) -> str:
    """Return a date-time for a query, in UTC with ``Z``; a naive one is UTC, a string stays as it is."""
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        return format_datetime(value.replace(tzinfo=_UTC))
    try:
        return format_datetime(value.astimezone(_UTC))
    except OverflowError:  # in UTC it is before the year 1, or after 9999
        return value.isoformat()
