import pytest

from chatsdk.testing.uuids import is_uuid, uuid_rule
from chatsdk.testing.validation import Invalid

PLAIN = "12345678-1234-4123-8123-1234567890ab"


@pytest.mark.parametrize(
    "text",
    [PLAIN, PLAIN.upper(), PLAIN.replace("-", ""), "{" + PLAIN + "}", "urn:uuid:" + PLAIN],
)
def test_forms(text):
    assert uuid_rule(text, ()) == PLAIN
    assert is_uuid(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid length: expected length 32 for simple format, found 0"),
        ("abc", "invalid length: expected length 32 for simple format, found 3"),
        ("abc-def", "invalid group count: expected 5, found 2"),
        (PLAIN[1:], "invalid group length in group 0: expected 8, found 7"),
        (PLAIN + "0", "invalid group length in group 4: expected 12, found 13"),
        ("urn:uuid:x", "found `x` at 10"),
    ],
)
def test_what_is_wrong(text, message):
    with pytest.raises(Invalid) as caught:
        uuid_rule(text, ("path", "id"))
    (problem,) = caught.value.problems
    assert problem["type"] == "uuid_parsing"
    assert problem["msg"] == "Input should be a valid UUID, " + problem["ctx"]["error"]
    assert message in problem["msg"]


def test_what_is_no_text():
    with pytest.raises(Invalid) as caught:
        uuid_rule(7, ())
    assert caught.value.problems[0]["type"] == "uuid_type"
    assert not is_uuid(7)
