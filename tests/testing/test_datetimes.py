from datetime import datetime, timedelta, timezone

import pytest

from chatsdk.testing.datetimes import datetime_rule
from chatsdk.testing.validation import Invalid

NOON = datetime(2025, 1, 2, 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-02", NOON.replace(hour=0)),
        ("2025-01-02T12:00", NOON),
        ("2025-01-02 12:00:00", NOON),
        ("2025-01-02t12:00:00.5", NOON.replace(microsecond=500000)),
        ("2025-01-02T12:00:00.123456789", NOON.replace(microsecond=123456)),
        ("2025-01-02T12:00:00Z", NOON.replace(tzinfo=timezone.utc)),
        ("2025-01-02T12:00:00z", NOON.replace(tzinfo=timezone.utc)),
        ("2025-01-02T12:00-0530", NOON.replace(tzinfo=timezone(-timedelta(hours=5, minutes=30)))),
        ("2025-01-02T12:00:00+02:00", NOON.replace(tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_forms(text, expected):
    found = datetime_rule(text, ())
    assert found == expected
    assert found.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "input is too short"),
        ("yesterday", "input is too short"),
        ("2025-1-1", "input is too short"),
        ("yesterday at noon", "invalid character in year"),
        ("2025/01/01", "invalid date separator, expected `-`"),
        ("2025-01x01", "invalid date separator, expected `-`"),
        ("2025-aa-01", "invalid character in month"),
        ("2025-01-\u0662\u0662", "invalid character in day"),
        ("2025-13-01", "month value is outside expected range of 1-12"),
        ("2025-02-30", "day value is outside expected range"),
        ("2025-01-01T", "unexpected extra characters at the end of the input"),
        ("2025-01-01Z", "unexpected extra characters at the end of the input"),
        ("2025-01-01T24:00:00", "unexpected extra characters at the end of the input"),
        ("2025-01-01T00:00:00 02:00", "unexpected extra characters at the end of the input"),
        ("2025-01-01T00:00:00+25:00", "unexpected extra characters at the end of the input"),
    ],
)
def test_what_is_wrong(text, error):
    with pytest.raises(Invalid) as caught:
        datetime_rule(text, ("query", "since"))
    assert caught.value.problems == [
        {
            "type": "datetime_from_date_parsing",
            "loc": ["query", "since"],
            "msg": f"Input should be a valid datetime or date, {error}",
            "input": text,
            "ctx": {"error": error},
        }
    ]


def test_what_is_no_text():
    with pytest.raises(Invalid) as caught:
        datetime_rule(True, ())
    assert caught.value.problems[0]["type"] == "datetime_type"
