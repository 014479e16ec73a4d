"""Parses and formats date-times, in the same way on every Python version."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta, timezone
from typing import Any, Union

_UTC = timezone.utc
_from_iso = datetime.fromisoformat
if sys.version_info < (3, 11):  # it reads no "Z" there, and only fractions of 3 or 6 digits

    def _from_iso(value: str) -> datetime:
        return datetime.fromisoformat(value[:-1] + "+00:00" if value[-1] == "Z" else value)


# Patterns are compiled by re at their first use, which keeps the import quick.
_ISO_8601 = (
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-])(\d\d?)(?::?(\d\d))?)?)?"
)


def parse_datetime(value: Any) -> Any:
    """Return ISO 8601 text as an aware datetime (UTC if it names no zone), anything else as it is."""
    try:
        # The other forms that fromisoformat reads differ between Python versions.
        if value[7] == "-" and value[10] == "T" and value[13] == ":":
            found = _from_iso(value)
            return found if found.tzinfo is not None else found.replace(tzinfo=_UTC)
    except (TypeError, ValueError, LookupError):
        pass
    match = re.fullmatch(_ISO_8601, value, re.ASCII) if isinstance(value, str) else None
    if match is None:
        return value
    *numbers, fraction, sign, hours, minutes = match.groups(default="0")
    year, month, day, hour, minute, second = map(int, numbers)
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        return datetime(year, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")), zone)
    except ValueError:  # the 31st of February
        return value


def format_datetime(value: datetime) -> str:
    """Return *value* as ISO 8601, with ``Z`` for UTC."""
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def format_utc(value: Union[datetime, str]) -> str:
    """Return *value* as text in UTC with ``Z`` (a naive one is UTC); a string is returned unchanged."""
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        return format_datetime(value.replace(tzinfo=_UTC))
    try:
        return format_datetime(value.astimezone(_UTC))
    except OverflowError:  # in UTC it is before the year 1, or after 9999
        return value.isoformat()
