"""Date-times as Pydantic reads them, with its words for what is wrong."""

import re
from datetime import date, datetime
from typing import Any, Optional

from .validation import Place, invalid

_PATTERN = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[Tt _](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?([Zz]|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


def datetime_rule(value: Any, place: Place) -> Any:
    """A rule: the text of a date-time or a date. Gives a datetime; its zone is the one in the text."""
    if not isinstance(value, str):
        raise invalid("datetime_type", place, "Input should be a valid datetime", value)
    found = _parsed(value)
    if found is None:
        error = _error(value)
        message = f"Input should be a valid datetime or date, {error}"
        raise invalid("datetime_from_date_parsing", place, message, value, error=error)
    return found


def _parsed(text: str) -> Optional[datetime]:
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    day, time, seconds, fraction, zone = match.groups()
    usual = f"{day} {time or '00:00'}:{seconds or '00'}.{(fraction or '0')[:6]}{(zone or '').upper()}"
    try:
        return datetime.strptime(usual, "%Y-%m-%d %H:%M:%S.%f%z" if zone else "%Y-%m-%d %H:%M:%S.%f")
    except ValueError:
        return None


def _error(text: str) -> str:
    """What is wrong with a text as a date: of a date-time nothing else is said."""
    if len(text) < 10:
        return "input is too short"
    for part, start, end in (("year", 0, 4), ("month", 5, 7), ("day", 8, 10)):
        if start and text[start - 1] != "-":
            return "invalid date separator, expected `-`"
        if not (text[start:end].isascii() and text[start:end].isdigit()):
            return f"invalid character in {part}"
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    if not 1 <= month <= 12:
        return "month value is outside expected range of 1-12"
    try:
        date(year, month, day)
    except ValueError:
        return "day value is outside expected range"
    return "unexpected extra characters at the end of the input"
