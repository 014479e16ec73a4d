"""Secrets are recognised in whatever way a server writes them, in linear time."""

import html
import itertools
import json
import pickle
import time
from urllib.parse import quote, quote_plus

import pytest

from chatsdk._core.redaction import Redactor

KEY = "sk+a/b&c<d=é😀-xyz9"


def as_json(text):
    return json.dumps(text)[1:-1]


def as_dotnet(text):
    return "".join(f"\\u{ord(char):04X}" if char in "+&<" else as_json(char) for char in text)


def as_lower_percent(text):
    return "".join(quote(char, safe="").lower() if quote(char, safe="") != char else char for char in text)


def as_numbers(text):
    return "".join(char if char.isalnum() else f"&#{ord(char)};" for char in text)


WRITERS = {
    "as it is": str,
    "json": as_json,
    "json, not ascii": lambda text: json.dumps(text, ensure_ascii=False)[1:-1].replace("/", "\\/"),
    "dotnet": as_dotnet,
    "html": html.escape,
    "html numbers": as_numbers,
    "html hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "percent": lambda text: quote(text, safe=""),
    "percent, lower case": as_lower_percent,
    "form": quote_plus,
}
LATIN_1 = [
    lambda text: quote(text, safe="", encoding="latin-1"),
    lambda text: quote(text, safe="", encoding="latin-1").lower(),
    lambda text: text.encode("latin-1").decode("utf-8", "replace"),  # as the body of an error is decoded
]


@pytest.mark.parametrize("secret", [KEY, "pass word\"with'all\\", "12345678", "-----BEGIN\nAB+/\n-----END"])
def test_in_every_form(secret):
    for name, write in WRITERS.items():
        assert Redactor([secret]).redact_text(f"key {write(secret)}, no other") == "key ***, no other", name


def test_in_latin_1():
    for write in LATIN_1:
        assert (
            Redactor(["pässwörd-1"]).redact_text(f"key {write('pässwörd-1')}, no other")
            == "key ***, no other"
        )


def test_in_forms_of_forms():
    inner = ["json", "json, not ascii", "dotnet", "percent", "percent, lower case"]
    redactor = Redactor([KEY])
    for first, second in itertools.product(inner, [*inner, "html"]):
        written = WRITERS[second](WRITERS[first](KEY))
        assert redactor.redact_text(f"<{written}>") == "<***>", (first, second)
    assert redactor.redact_text(as_json(as_json(as_dotnet(KEY)))) == "***"


def test_a_long_secret_in_its_usual_forms():
    secret = "-----BEGIN KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0+/\n" * 20
    for name in ("as it is", "json", "percent", "form", "html"):
        assert Redactor([secret]).redact_text(f"<{WRITERS[name](secret)}>") == "<***>", name


def test_a_short_secret_is_hidden_as_a_whole_string_only():
    redactor = Redactor(["abc"])
    assert redactor.redact_text('abcdef abc "abc" \\"abc\\"') == 'abcdef abc "***" \\"***\\"'
    assert redactor.redact_text("abc") == "***"


def test_in_values():
    value = {
        "a": [f"bad {KEY}", {KEY: 1, "b": 2}, 12345678, 1.5, None, True],
        "inner": json.dumps({"key": as_dotnet(KEY)}),
    }
    assert Redactor([KEY, "12345678"]).redact_value(value) == {
        "a": ["bad ***", {"***": 1, "b": 2}, "***", 1.5, None, True],
        "inner": '{"key": "***"}',
    }


def test_a_value_that_is_nested_too_deeply_is_refused():
    def nested(depth):
        return json.loads("[" * depth + "]" * depth)

    assert pickle.dumps(Redactor([KEY]).redact_value(nested(100)))
    with pytest.raises(ValueError, match="deep"):
        Redactor([KEY]).redact_value(nested(101))


def test_linear_time():
    redactor = Redactor(["\\\\sk\\+a/b&c-xyz9" * 4])

    def seconds(text):
        start = time.process_time()
        redactor.redact_text(text)
        return time.process_time() - start

    for part in ("\\", "&", "&amp;", "%25", "sk", "\\sk\\", '\\"'):
        small = 10_000 // len(part)
        # 20 times the text would take 400 times as long, were it quadratic.
        assert seconds(part * small * 20) < 100 * seconds(part * small) + 0.2, part
