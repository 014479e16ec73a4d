import pytest

from chatsdk.testing.chat import content_text, count_tokens, default_reply, pieces, usage


@pytest.mark.parametrize(
    "text",
    ["", " ", "one", " two  words\n", "a\u2028b\u0085 c", "日本語" * 20, "x" * 100, "end \n\n"],
)
def test_pieces_are_the_whole_text(text):
    assert "".join(pieces(text)) == text


def test_pieces_are_small():
    assert pieces("Hello! You said: hi") == ["Hello!", " You", " said:", " hi"]
    assert len(pieces("日本語" * 20)) == 5


def test_default_reply():
    question = {"role": "user", "content": ["part one", {"type": "text", "text": "part two"}, 3]}
    answer = {"role": "assistant", "content": None}
    assert default_reply([question, answer]) == "Hello! You said: part one\npart two"
    assert default_reply([answer]) == "Hello! How can I help you?"


def test_content_without_text():
    assert content_text(None) == ""
    assert content_text([{"type": "image_url"}]) == ""


def test_tokens():
    assert count_tokens("Hello, world!") == 4
    assert usage([{"content": "one two"}, {}], "three") == {
        "prompt_tokens": 2,
        "completion_tokens": 1,
        "total_tokens": 3,
    }
