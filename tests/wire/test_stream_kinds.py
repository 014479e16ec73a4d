"""Odd and broken answers of chats, plain and streamed, from all three services that stream."""

import json
import threading
import time
from itertools import product

import pytest

from chatsdk import APIResponseError, APIStatusError, Client, StreamError, StreamInterruptedError
from chatsdk._core import stream as stream_module
from tests.support.cases import for_each

from .answers import (
    ASK,
    COMPLETION,
    DONE,
    FRAMINGS,
    STOP,
    chunk,
    delta,
    event,
    framed,
    head,
    reply,
    text_event,
)
from .server import RESET, SILENCE, TIMEOUT, Pause

TOLD = event({"type": "chunk", "content": "Hello"})
END = event({"type": "done", "tokensUsed": 2})
WHOLE = {"response": "Hello", "conversationId": "c"}


def text_of(item):
    return item if isinstance(item, str) else item.text


@pytest.fixture
def calls(serve):
    """Return all calls of a chat that get the same answer, by name: ``zaguan plain``, ..."""
    clients = []

    def make(answer):
        url = serve(answer).url
        clients.append(Client(zaguan=url, chatserver=url, infinity=url, max_retries=0))
        client = clients[-1]
        return {
            "zaguan plain": lambda: client.zaguan.chat(**ASK),
            "zaguan stream": lambda: client.zaguan.chat_stream(**ASK).final(),
            "chatserver plain": lambda: client.chatserver.create_completion("m", "Hi"),
            "chatserver stream": lambda: client.chatserver.create_completion("m", "Hi", stream=True).final(),
            "infinity plain": lambda: client.infinity.chat(message="Hi"),
            "infinity stream": lambda: client.infinity.chat_stream(message="Hi").final(),
        }

    yield make
    for client in clients:
        client.close()


def outcomes(made, *names):
    """What each of the calls gives: a text, or the class of the error and what it says."""
    found = {}
    for name, call in made.items():
        if any(word in name for word in names or [""]):
            try:
                found[name] = call().text
            except (APIResponseError, StreamError, APIStatusError) as error:
                kind = next(cls for cls in type(error).__mro__ if cls.__module__ == "chatsdk.errors")
                found[name] = (kind.__name__, error.message)
    return found


def stream_of(*events, kind="text/event-stream", framing="chunked"):
    return framed(framing, list(events), kind=kind)


class TestWhatCountsAsFinished:
    @pytest.mark.parametrize("reason", ["", "null", "NULL", "None", " ", None, 5, True])
    def test_no_reason_is_none(self, calls, reason):
        made = calls(stream_of(text_event("Hello", reason), text_event("", reason)))
        found = outcomes(made, "zaguan", "chatserver")
        assert set(found.values()) == {("StreamInterruptedError", "the stream ended before its end")}
        made = calls(stream_of(text_event("Hello", reason), DONE))
        response = made["zaguan stream"]()
        assert (response.text, response.choices[0].finish_reason) == ("Hello", None)

    def test_a_reason_is_not_undone(self, calls):
        late = [
            text_event("Hello", "length"),
            text_event("", ""),
            text_event("", "null"),
            text_event("", None),
        ]
        assert calls(stream_of(*late))["zaguan stream"]().choices[0].finish_reason == "length"

    def test_all_choices_must_be_finished(self, serve):
        begun = [event(delta("a", "stop", index=0)), event(delta("b", None, index=1))]
        with Client(zaguan=serve(stream_of(*begun)).url) as client, pytest.raises(StreamInterruptedError):
            client.zaguan.chat_stream(**ASK).final()
        with Client(zaguan=serve(stream_of(begun[0])).url, max_retries=0) as client:
            assert client.zaguan.chat_stream(**ASK).final().text == "a"
            with pytest.raises(StreamInterruptedError):
                client.zaguan.chat_stream(**ASK, n=2).final()

    def test_a_cut_in_text_after_a_reason(self, calls):
        begun = stream_of(text_event("a", "stop"), text_event("b"), event(USAGE))
        found = outcomes(calls(begun), "zaguan", "chatserver")
        assert found == dict.fromkeys(found, ("StreamInterruptedError", "the stream ended before its end"))


USAGE = {"choices": [], "usage": {"total_tokens": 3}}


def pinging(request):
    yield head(200, "Transfer-Encoding: chunked", "Content-Type: text/event-stream")
    yield chunk(text_event("Hello", "stop"))
    for _ in range(400):
        yield chunk(b": ping\n\n" + event({"type": "ping"}))
        yield Pause(0.02)


FINISHED = text_event("Hello", "stop")
AFTER_FINISH = {
    "silence": lambda request: [*stream_of(FINISHED)[:-1], SILENCE],
    "reset": lambda request: [*stream_of(FINISHED)[:-1], RESET],
    "cut": lambda request: framed("chunked", [FINISHED], cut=True),
    "cut of known length": lambda request: framed("length", [FINISHED], cut=True),
    "cut inside an event": lambda request: framed("close", [FINISHED, b'data: {"us']),
    "pings": pinging,
}


@pytest.fixture
def short_finish(monkeypatch):
    assert stream_module._FINISH_TIMEOUT == 5.0
    monkeypatch.setattr(stream_module, "_FINISH_TIMEOUT", 0.15)


@for_each(product(AFTER_FINISH, ["zaguan", "chatserver"], ["plain", "stream"]), at_once=True)
def test_what_breaks_after_the_finish_reason_takes_nothing(what, service, kind, calls, short_finish):
    started = time.monotonic()
    assert calls(AFTER_FINISH[what])[f"{service} {kind}"]().text == "Hello"
    assert time.monotonic() - started < 5


TEXT_AFTER_FINISH = {
    "with each chunk": [("stop", 0.15)] * 4,
    "with the first": [("stop", 0), (None, 0.6), ("stop", 0)],
}


@pytest.fixture
def finish_of_half_a_second(monkeypatch):
    monkeypatch.setattr(stream_module, "_FINISH_TIMEOUT", 0.5)


@for_each(TEXT_AFTER_FINISH, at_once=True)
def test_text_may_follow_a_reason(name, calls, finish_of_half_a_second):
    parts = TEXT_AFTER_FINISH[name]
    steps = [step for reason, wait in parts for step in (text_event("a", reason), Pause(wait))]
    assert calls(stream_of(*steps, DONE))["zaguan stream"]().text == "a" * len(parts)


def test_the_usage_may_follow_the_finish_reason(calls):
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    late = [text_event("Hello", "stop"), Pause(0.05), event({"choices": [], "usage": usage}), DONE]
    assert calls(stream_of(*late))["zaguan stream"]().usage.to_dict() == usage


FAILURES = {
    "field": (b'error: {"code": 500, "message": "It broke"}\n\n', None),
    "field without a blank line": (b'error: {"message": "It broke"}\n', None),
    "named event": (b'event: Error\ndata: {"message": "It broke"}\n\n', None),
    "beside no choices": (None, {"error": {"message": "It broke"}, "choices": []}),
    "text beside no choices": (None, {"error": "It broke", "choices": []}),
    "error_message": (None, {"error_type": "x", "error_message": "It broke", "choices": None}),
    "object": (None, {"object": "error", "message": "It broke"}),
    "object beside no choices": (None, {"object": "error", "message": "It broke", "choices": []}),
    "type": (None, {"type": "error", "message": "It broke"}),
    "detail": (None, {"detail": "It broke"}),
    "code": (None, {"code": 500, "message": "It broke"}),
    "null choices": (None, {"code": "x", "message": "It broke", "choices": None}),
    "inside a choice": (None, {"choices": [{"index": 0, "error": {"message": "It broke"}}]}),
}
OF_CHATS = ("inside a choice",)  # Infinity has none


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_is_reported(calls, name):
    raw, body = FAILURES[name]
    services = ["zaguan", "chatserver"] if name in OF_CHATS else ["zaguan", "chatserver", "infinity"]
    bad = event(body) if raw is None else raw
    found = outcomes(calls(stream_of(text_event("a"), bad, STOP, DONE)), *services)
    assert found == dict.fromkeys(found, ("StreamError", "It broke"))
    assert len(found) == 2 * len(services)  # an event stream that answers a plain call is no other
    if body is not None:
        whole = calls(reply(json.dumps(body, indent=1).encode()))
        assert outcomes(whole, *[f"{service} plain" for service in services]) == {
            f"{service} plain": ("APIResponseError", "It broke") for service in services
        }
        labelled = reply(json.dumps(body, indent=1).encode(), kind="text/event-stream")
        for answer in (whole, calls(labelled)):
            assert outcomes(answer, *[f"{service} stream" for service in services]) == {
                f"{service} stream": ("StreamError", "It broke") for service in services
            }


def test_an_error_event_without_data(calls):
    found = outcomes(calls(stream_of(text_event("a"), TOLD, b"event: error\ndata:\n\n", DONE)))
    assert found == dict.fromkeys(found, ("StreamError", "the server reports an error in the stream"))
    assert len(found) == 6


@pytest.mark.parametrize("problem", [{"success": False, "message": "It broke"}, {"message": "It broke"}])
def test_the_sentence_of_json_that_is_no_answer(calls, problem):
    assert {said for _, said in outcomes(calls(reply(json.dumps(problem).encode()))).values()} == {"It broke"}


NO_FAILURES = {
    "null": {**delta("x"), "error": None, "message": None},
    "usage": {"choices": [], "usage": {"total_tokens": 3}, "error": None},
    "filter": {"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "id": "", "model": ""},
    "ping": {"type": "ping", "message": "still here"},
    "filtered choice": {"choices": [{"index": 0, "delta": {}, "error": None, "message": None}]},
}


@pytest.mark.parametrize("body", NO_FAILURES.values(), ids=NO_FAILURES.keys())
def test_no_false_alarm(calls, body):
    found = outcomes(calls(stream_of(event(body), text_event("Hello", "stop"), DONE)), "zaguan", "chatserver")
    assert {text.replace("x", "") for text in found.values()} == {"Hello"}


def test_an_end_marker_alone_is_no_answer(calls):
    found = outcomes(calls(stream_of(DONE)))
    assert found == dict.fromkeys(found, ("StreamInterruptedError", "the stream ended without an answer"))
    assert len(found) == 6


STATUS_BODIES = {
    "object": event({"error": {"message": "It broke", "code": "down"}}) + DONE,
    "named": b'data: {"id": "c1"}\n\nevent: error\ndata: {"message": "It broke", "code": "down"}\n\n',
    "field": b'error: {"message": "It broke", "code": "down"}\n\n',
    "after a ping": b": ping\n\nevent: ping\ndata: {}\n\n"
    + event({"error": {"message": "It broke", "code": "down"}}),
    "no error in it": event({"message": "It broke", "code": "down"}),
}


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("body", STATUS_BODIES.values(), ids=STATUS_BODIES.keys())
def test_a_failing_status_with_an_event_stream(calls, body, kind):
    for call in calls(reply(body, 500, kind=kind)).values():
        with pytest.raises(APIStatusError) as caught:
            call()
        error = caught.value
        assert (error.status_code, error.message, error.code) == (500, "It broke", "down")
        assert isinstance(error.body, dict)


LABELS = [
    "text/event-stream",
    "application/json",
    "text/plain",
    "application/x-ndjson",
    "application/octet-stream",
    "",
]


class TestTheFirstBytesDecide:
    @pytest.mark.parametrize("kind", LABELS)
    @pytest.mark.parametrize(
        "before", [b"", b"\n\r\n", b": hello\n\n", b"\xef\xbb\xbf", b"id: 1\n", b"retry:5\n\n"]
    )
    def test_an_event_stream_under_any_label(self, calls, kind, before):
        found = outcomes(
            calls(stream_of(before, text_event("Hello", "stop"), DONE, kind=kind)), "zaguan", "chatserver"
        )
        assert found == dict.fromkeys(found, "Hello")
        found = outcomes(calls(stream_of(before, TOLD, END, kind=kind)), "infinity")
        assert found == {"infinity plain": "Hello", "infinity stream": "Hello"}

    @pytest.mark.parametrize("kind", LABELS)
    @pytest.mark.parametrize("indent", [None, 1])
    def test_json_under_any_label(self, calls, kind, indent):
        for body, names in ((COMPLETION, ["zaguan", "chatserver"]), (WHOLE, ["infinity"])):
            text = b"\n " + json.dumps(body, indent=indent).encode()
            found = outcomes(calls(reply(text, kind=kind)), *names)
            assert found == dict.fromkeys(found, "Hello")
            assert len(found) == 2 * len(names)

    @pytest.mark.parametrize("framing", FRAMINGS)
    def test_byte_by_byte(self, calls, framing):
        body = b"event: message\n" + text_event("Hello", "stop") + DONE
        pieces = [body[place : place + 1] for place in range(len(body))]
        found = outcomes(calls(stream_of(*pieces, kind="text/plain", framing=framing)), "zaguan")
        assert found == {"zaguan plain": "Hello", "zaguan stream": "Hello"}

    def test_under_another_label_events_arrive_as_they_come(self, serve):
        gate = threading.Event()
        answer = stream_of(text_event("a"), gate, text_event("b", "stop"), DONE, kind="application/json")
        with Client(zaguan=serve(answer).url) as client:
            stream = client.zaguan.chat_stream(**ASK)
            assert next(stream).text == "a"
            gate.set()
            assert stream.final().text == "ab"

    def test_the_call_does_not_wait_for_the_first_event(self, serve):
        gate = threading.Event()
        with Client(zaguan=serve(stream_of(gate, text_event("a", "stop"))).url) as client:
            stream = client.zaguan.chat_stream(**ASK)
            gate.set()
            assert stream.final().text == "a"

    @pytest.mark.parametrize("kind", ["text/plain", "text/event-stream"])
    def test_neither(self, calls, kind):
        found = outcomes(calls(reply(b"Welcome to the gateway", kind=kind)))
        names = {name for name, _ in found.values()}
        assert names == (
            {"APIResponseError"} if kind == "text/plain" else {"APIResponseError", "StreamInterruptedError"}
        )

    def test_blanks_without_end_are_left(self, serve):
        def blank(request):
            yield head(200, "Content-Type: text/plain")
            for _ in range(1600):
                yield b"\n" * 65536

        server = serve(blank)
        client = Client(zaguan=server.url).zaguan.with_options(max_response_bytes=1_000_000, max_retries=0)
        with client, pytest.raises(APIResponseError):
            client.chat_stream(**ASK)
        assert server.connections[0].closed.wait(TIMEOUT)


MARKERS = [
    "[DONE]",
    " [DONE]  ",
    '"[DONE]"',
    "'[DONE]'",
    "[done]",
    "DONE",
    "done",
    "[ DONE ]",
    '"DONE"',
    "[DONE]\t",
]


@pytest.mark.parametrize("marker", MARKERS)
def test_an_end_marker_in_any_spelling(calls, marker):
    end = f"data: {marker}\n\n".encode()
    after = event({"error": "too late"})
    found = outcomes(calls(stream_of(text_event("Hello"), end, after)), "zaguan", "chatserver")
    found.update(outcomes(calls(stream_of(TOLD, end, after)), "infinity"))
    assert found == dict.fromkeys(found, "Hello")
    assert len(found) == 6


QUIET = [
    b"event: ping\ndata: 2026-01-01 00:00\n\n",
    b"event: ping\ndata: 1700000000\n\n",
    b"event: ping\ndata: null\n\n",
    b'event: ping\ndata: {"id": "p1", "message": "still here"}\n\n',
    b"event: heartbeat\ndata: [\n\n",
    b"event: status\ndata: thinking\n\n",
    b"error: null\n\n",
    b"error:\n\n",
    b'data: {"type": "ping"}\n\n',
    b'data: {"type": "keep-alive", "id": "p1"}\n\n',
    b"data: {}\n\n",
    b'data: {"ping": true}\n\n',
    b'data: {"type": "ping", "choices": []}\n\n',
    b'data: {"id": "p1", "object": "keepalive", "choices": []}\n\n',
]


@pytest.mark.parametrize("quiet", QUIET)
def test_keep_alives_are_skipped_and_leave_nothing(serve, quiet):
    answer = stream_of(quiet, text_event("Hello"), quiet, STOP, quiet, DONE)
    with Client(zaguan=serve(answer).url) as client:
        stream = client.zaguan.chat_stream(**ASK)
        assert [item.text for item in stream] == ["Hello", ""]
        assert stream.metadata == {
            "id": "c1",
            "object": "chat.completion.chunk",
            "model": "m",
            "finish_reason": "stop",
        }
        assert stream.final().extra == {}


@pytest.mark.parametrize(
    "lost", [b"data: hello", b"event: message\ndata: hello", b'event: x\ndata: {"choices": [']
)
def test_what_may_be_text_is_not_skipped(calls, lost):
    found = outcomes(calls(stream_of(text_event("Hello"), lost + b"\n\n", STOP, DONE)), "zaguan stream")
    assert found["zaguan stream"][0] == "StreamError"
    for name in (b"chunk", b"text", b"start"):
        body = [TOLD, b"event: " + name + b"\ndata: hello\n\n", END]
        assert outcomes(calls(stream_of(*body)), "infinity stream")["infinity stream"][0] == "StreamError"


def test_half_a_character_in_an_event_is_replaced(calls):
    bad = text_event("a\u00e9b").replace(b"\xc3\xa9", b"\xc3")
    found = outcomes(calls(stream_of(bad, STOP, DONE)), "zaguan", "chatserver")
    assert found == dict.fromkeys(found, "a\ufffdb")


def test_half_a_character_in_a_plain_answer_is_replaced(calls):
    whole = {**COMPLETION, "response": "Hello\u00e9"}
    whole["choices"] = [{"index": 0, "message": {"role": "assistant", "content": "Hello\u00e9"}}]
    found = outcomes(
        calls(reply(json.dumps(whole, ensure_ascii=False).encode().replace(b"\xc3\xa9", b"\xc3")))
    )
    assert found == dict.fromkeys(found, "Hello\ufffd")
    assert len(found) == 6


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (["a\ud83d", "\ude00b"], ["a", "\U0001f600b"]),
        (["\ud83d", "\ude00"], ["", "\U0001f600"]),
        (["\ud83d", "", "\ude00"], ["", "", "\U0001f600"]),
        (["a\ud83d"], ["a", "\ufffd"]),
        (["\ud83d", "b"], ["", "\ufffdb"]),
        (["\ude00", "b"], ["\ufffd", "b"]),
        (["a\ud83d", "\ude00\ud83d", "\ude01"], ["a", "\U0001f600", "\U0001f601"]),
        (["\ud83d\ude00", "\u00e9"], ["\U0001f600", "\u00e9"]),
    ],
)
def test_halves_of_a_character_are_joined(serve, pieces, shown):
    """JSON may hold each half of a surrogate pair as an escape."""

    def ascii_event(value):
        return b"data: " + json.dumps(value).encode() + b"\n\n"

    completion = stream_of(*(ascii_event(delta(piece)) for piece in pieces), DONE)
    chunks = stream_of(*(ascii_event({"content": piece}) for piece in pieces), END)
    with Client(
        zaguan=serve(completion).url, chatserver=serve(completion).url, infinity=serve(chunks).url
    ) as client:
        streams = [
            client.zaguan.chat_stream(**ASK),
            client.chatserver.create_completion("m", "Hi", stream=True),
            client.infinity.chat_stream(message="Hi"),
        ]
        for stream in streams:
            texts = [text_of(item) for item in stream]
            assert [text for text in texts if text] == [text for text in shown if text]
            assert stream.final().text == "".join(shown)
        reason = stream_of(
            *(ascii_event({"choices": [{"delta": {"reasoning_content": p}}]}) for p in pieces), DONE
        )
    with Client(zaguan=serve(reason).url) as client:
        stream = client.zaguan.chat_stream(**ASK)
        assert "".join(item.choices[0].delta.reasoning_content for item in stream) == "".join(shown)
        assert stream.final().choices[0].message.reasoning_content == "".join(shown)


NUMBERS = b"""{
"choices": [{
    "index": 0, "%s": {"content": "Hello"}, "finish_reason": "stop",
    "logprobs": {"content": [{"token": "a", "logprob": -Infinity}]}
}],
"usage": {"cost": NaN}, "response": "Hello", "metadata": {"cost": NaN}
}"""


def test_numbers_that_are_none_lose_no_answer(calls):
    found = outcomes(calls(reply(NUMBERS % b"message")))
    assert found == dict.fromkeys(found, "Hello")
    made = calls(stream_of(b"data: " + (NUMBERS % b"delta").replace(b"\n", b"") + b"\n\n"))
    response = made["zaguan stream"]()
    assert response.text == "Hello"
    assert response.choices[0].logprobs.content[0].logprob == float("-inf")
    assert str(response.usage.extra["cost"]) == "nan"


@pytest.mark.parametrize("depth", [100, 450, 900, 5000, 100_000])
@pytest.mark.parametrize("place", ["message", "usage", "choice", "arguments"])
def test_json_nested_too_deep_is_no_bare_error(calls, depth, place):
    deep = '{"a":' * depth + "1" + "}" * depth
    parts = {"message": "1", "usage": "1", "choice": "1", "arguments": "1", place: deep}
    message = '{{"content": "Hello", "x": {}, "tool_calls": [{{"function": {{"arguments": {}}}}}]}}'.format(
        parts["message"], parts["arguments"]
    )
    body = (
        '{{"choices": [{{"message": {}, "x": {}, "finish_reason": "stop"}}], "usage": {{"x": {}}}}}'.format(
            message, parts["choice"], parts["usage"]
        ).encode()
    )
    streamed = body.replace(b"message", b"delta")
    found = {
        **outcomes(calls(reply(body)), "zaguan plain", "chatserver plain"),
        **outcomes(calls(stream_of(b"data: " + streamed + b"\n\n")), "zaguan stream", "chatserver stream"),
    }
    kinds = {value if isinstance(value, str) else value[0] for value in found.values()}
    assert kinds <= ({"Hello"} if depth == 100 else {"Hello", "StreamError", "APIResponseError"})


def test_a_stream_whose_iterator_was_dropped_says_so(serve):
    with Client(zaguan=serve(stream_of(text_event("a"), text_event("b", "stop"), DONE)).url) as client:
        stream = client.zaguan.chat_stream(**ASK)
        assert next(iter(stream)).text == "a"
        with pytest.raises(StreamInterruptedError, match=r"closed before its end.*next\(stream\)") as caught:
            list(stream)
        assert caught.value.partial.text == "a"
        whole = client.zaguan.chat_stream(**ASK)
        iterator = iter(whole)
        assert [item.text for item in iterator] == ["a", "b"]
        del iterator
        assert list(whole) == []
