from datetime import datetime, timedelta, timezone

import pytest

from chatsdk._core.dates import format_datetime, format_utc, parse_datetime


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


PLUS_TWO = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-01T08:00:00Z", utc(2025, 11, 1, 8)),
        ("2025-11-01T08:00:00z", utc(2025, 11, 1, 8)),
        ("2025-11-01T08:00:00+00:00", utc(2025, 11, 1, 8)),
        ("2025-11-01T08:00:00-00:00", utc(2025, 11, 1, 8)),
        ("2025-11-01T08:00:00", utc(2025, 11, 1, 8)),
        ("2025-11-01 08:00:00", utc(2025, 11, 1, 8)),
        ("2025-11-01 08:00:00+00", utc(2025, 11, 1, 8)),
        ("2025-11-01T08:00", utc(2025, 11, 1, 8)),
        ("2025-11-01T08:00Z", utc(2025, 11, 1, 8)),
        ("2025-11-01", utc(2025, 11, 1)),
        ("2025-11-01T08:00:00.5Z", utc(2025, 11, 1, 8, 0, 0, 500000)),
        ("2025-11-01T08:00:00,5Z", utc(2025, 11, 1, 8, 0, 0, 500000)),
        ("2025-11-01T08:00:00.12", utc(2025, 11, 1, 8, 0, 0, 120000)),
        ("2025-11-01T08:00:00.123", utc(2025, 11, 1, 8, 0, 0, 123000)),
        ("2025-11-01T08:00:00.1234+00:00", utc(2025, 11, 1, 8, 0, 0, 123400)),
        ("2025-10-01T12:00:00.88561+00:00", utc(2025, 10, 1, 12, 0, 0, 885610)),
        ("2025-11-01T08:00:00.123456Z", utc(2025, 11, 1, 8, 0, 0, 123456)),
        ("2025-11-01T08:00:00.123456789Z", utc(2025, 11, 1, 8, 0, 0, 123456)),
        ("2025-11-01T10:00:00+02:00", utc(2025, 11, 1, 8)),
        ("2025-11-01T10:00:00+0200", utc(2025, 11, 1, 8)),
        ("2025-11-01T10:00:00+02", utc(2025, 11, 1, 8)),
        ("2025-11-01T10:00:00.5+02", utc(2025, 11, 1, 8, 0, 0, 500000)),
        ("2025-11-01T10:00:00+2", utc(2025, 11, 1, 8)),
        ("2025-11-01T06:00:00.123456-2", utc(2025, 11, 1, 8, 0, 0, 123456)),
        ("2025-11-01 13:30:00+5:30", utc(2025, 11, 1, 8)),
        ("2025-11-01T02:30:00-530", utc(2025, 11, 1, 8)),
        ("2025-11-01T02:30:00-05:30", utc(2025, 11, 1, 8)),
        ("2024-02-29T23:59:59Z", utc(2024, 2, 29, 23, 59, 59)),
    ],
)
def test_parsed(text, expected):
    parsed = parse_datetime(text)
    assert parsed == expected
    assert parsed.tzinfo is not None


def test_the_zone_is_kept():
    assert parse_datetime("2025-11-01T10:00:00+02:00").utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2025",
        "2025-11",
        "20251101",
        "2025-11-01T",
        "2025-11-01T08",
        "2025-11-01T0800",
        "2025-11-01T08:00:00 PM",
        "2025-11-01T08:00:00.",
        "2025-11-01T25:00:00Z",
        "2025-11-01T08:60:00Z",
        "2025-02-30T08:00:00Z",
        "2025-13-01",
        "0000-01-01T00:00:00Z",
        "2025-W44-6T08:00:00Z",
        "2025-305",
        "2025-11-01T08:00:00+24:00",
        "2025-11-01T08:00:00+24",
        "2025-11-01T08:00:00+",
        "2025-11-01T08:00:00+5:3",
        "\u0662025-11-01T08:00:00Z",
        "Sat, 01 Nov 2025 08:00:00 GMT",
        "x" * 10000,
    ],
)
def test_what_is_no_date_time_stays_text_on_every_python(text):
    assert parse_datetime(text) == text


@pytest.mark.parametrize("value", [None, 0, 1730000000, 1.5, True, [], {}])
def test_what_is_no_text_stays_as_it_is(value):
    assert parse_datetime(value) is value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (utc(2025, 11, 1, 8), "2025-11-01T08:00:00Z"),
        (utc(2025, 11, 1, 8, 0, 0, 500000), "2025-11-01T08:00:00.500000Z"),
        (datetime(2025, 11, 1, 8, tzinfo=PLUS_TWO), "2025-11-01T08:00:00+02:00"),
        (datetime(2025, 11, 1, 8), "2025-11-01T08:00:00"),
    ],
)
def test_formatted(value, text):
    assert format_datetime(value) == text
    if value.tzinfo:
        assert parse_datetime(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (utc(2025, 11, 1, 8), "2025-11-01T08:00:00Z"),
        (datetime(2025, 11, 1, 8, tzinfo=PLUS_TWO), "2025-11-01T06:00:00Z"),
        (datetime(2025, 11, 1, 8), "2025-11-01T08:00:00Z"),
        ("yesterday", "yesterday"),
        (datetime(1, 1, 1, tzinfo=PLUS_TWO), "0001-01-01T00:00:00+02:00"),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=3))), "9999-12-31T23:00:00-03:00"),
    ],
)
def test_for_a_query(value, text):
    assert format_utc(value) == text
