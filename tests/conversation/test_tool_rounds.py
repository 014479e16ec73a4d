"""Rounds of tool calls: what runs, what goes back to the model, and what a failure leaves behind."""

import json
import threading
from dataclasses import dataclass
from typing import List

import pytest

from chatsdk import APIConnectionError, Client, Conversation, Service, StreamInterruptedError, Tool
from chatsdk.conversation import ConversationError
from tests.support.cases import for_each
from tests.wire.server import CLOSE, WireServer

from .conftest import bodies

CALL = [("get_weather", {"city": "Oslo"})]


@dataclass
class Weather:
    city: str
    degrees: float


class Tools:
    """Tools that count their calls."""

    def __init__(self):
        self.calls: List[str] = []

    def get_weather(self, city: str) -> Weather:
        """Get the weather."""
        self.calls.append(city)
        if city == "Nowhere":
            raise LookupError("no such city")
        return Weather(city, 3.5)


@pytest.fixture
def tools():
    return Tools()


@pytest.fixture
def talk(talk_with, tools):
    return talk_with("zaguan", tools=[tools.get_weather])


def roles(talk):
    return [message["role"] for message in talk.messages]


def results(talk):
    return [message["content"] for message in talk.messages if message["role"] == "tool"]


@for_each(["say", "stream"])
def test_a_round(turn, server, talk, tools):
    talk.reset()
    tools.calls.clear()
    server.respond("zaguan", tool_calls=CALL, usage={"total_tokens": 10})
    server.respond("zaguan", "It is cold.", usage={"total_tokens": 20})
    if turn == "say":
        answer = talk.say("The weather?")
    else:
        stream = talk.stream("The weather?")
        assert "".join(stream) == "It is cold."
        answer = stream.final()
    assert answer.text == "It is cold."
    assert tools.calls == ["Oslo"]
    assert roles(talk) == ["user", "assistant", "tool", "assistant"]
    asked, result = talk.messages[1:3]
    assert asked["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
    assert result["tool_call_id"] == asked["tool_calls"][0]["id"]
    assert json.loads(result["content"]) == {"city": "Oslo", "degrees": 3.5}
    assert talk.usage.total_tokens == 30
    first, second = bodies(server)[-2:]
    assert first["tools"] == second["tools"] == [Tool(tools.get_weather).schema]
    assert second["messages"] == talk.messages[:-1]
    json.dumps(talk.messages)


def test_text_beside_calls_is_streamed(server, talk):
    server.respond("zaguan", "Let me see. ", tool_calls=CALL)
    server.respond("zaguan", "It is cold.")
    assert "".join(talk.stream("The weather?")) == "Let me see. It is cold."


@for_each(["say", "stream"])
def test_three_calls_in_one_answer_run_in_order(turn, server, talk, tools):
    tools.calls.clear()
    talk.reset()
    cities = ["Oslo", "Rome", "Lima"]
    server.respond("zaguan", tool_calls=[("get_weather", {"city": city}) for city in cities])
    server.respond("zaguan", "Done.")
    if turn == "say":
        talk.say("The weather?")
    else:
        talk.stream("The weather?").final()
    assert talk.last.text == "Done."
    assert tools.calls == cities
    assert [json.loads(result)["city"] for result in results(talk)] == cities
    called = [call["id"] for call in talk.messages[1]["tool_calls"]]
    assert [message["tool_call_id"] for message in talk.messages[2:5]] == called


def test_calls_in_threads_keep_their_order(server, talk_with):
    together = threading.Barrier(3)

    def wait(name: str) -> str:
        together.wait(timeout=10)  # only three at once get through
        return name

    talk = talk_with("zaguan", tools=[wait], parallel=3)
    server.respond("zaguan", tool_calls=[("wait", {"name": name}) for name in "abc"])
    server.respond("zaguan", "Done.")
    assert talk.say("Wait").text == "Done."
    assert results(talk) == ["a", "b", "c"]


def test_what_goes_wrong_in_a_tool_goes_to_the_model(server, talk, tools):
    calls = [
        ("get_weather", {"city": "Nowhere"}),
        ("get_weather", {"city": 5}),
        {"function": {"name": "get_weather", "arguments": "{"}},
        ("unknown", {}),
        ("get_weather", {"city": "Oslo"}),
    ]
    server.respond("zaguan", tool_calls=calls)
    server.respond("zaguan", "Sorry.")
    assert talk.say("The weather?").text == "Sorry."
    assert results(talk) == [
        "LookupError: no such city",
        "ValueError: city must be a JSON string",
        "ValueError: the text is not valid JSON",
        "ValueError: there is no such tool; there are get_weather",
        '{"city": "Oslo", "degrees": 3.5}',
    ]


def test_an_error_that_is_raised(server, talk_with, tools):
    talk = talk_with("zaguan", tools=[tools.get_weather], on_tool_error="raise")
    cities = ["Oslo", "Nowhere", "Rome"]
    server.respond("zaguan", tool_calls=[("get_weather", {"city": city}) for city in cities])
    with pytest.raises(LookupError, match="no such city"):
        talk.say("The weather?")
    assert talk.messages == []
    assert tools.calls == ["Oslo", "Nowhere"]
    # Asked again, those that gave a result do not run again.
    with pytest.raises(LookupError):
        talk.say()
    assert tools.calls == ["Oslo", "Nowhere", "Nowhere"]


def test_a_tool_that_finds_no_next_item(server, talk_with):
    def find(name: str) -> str:
        return next(iter(()))

    talk = talk_with("zaguan", tools=[find], on_tool_error="raise")
    server.respond("zaguan", tool_calls=[("find", {"name": "a"})])
    with pytest.raises(RuntimeError, match="StopIteration"):
        talk.say("Where?")
    assert len(server.requests) == 1


@for_each([LookupError, KeyboardInterrupt])
def test_an_error_keeps_the_results_of_other_threads(kind, server, talk_with):
    together, calls = threading.Barrier(2), []

    def wait(name: str) -> str:
        calls.append(name)
        if len(calls) <= 2:
            together.wait(timeout=10)  # the failing one does not end before the other one has begun
        if name == "fails" and calls.count(name) == 1:
            raise kind
        return name

    talk = talk_with("zaguan", tools=[wait], on_tool_error="raise", parallel=2)
    server.respond("zaguan", tool_calls=[("wait", {"name": name}) for name in ("fails", "works")])
    with pytest.raises(kind):
        talk.say("Wait")
    assert talk.messages == []
    server.respond("zaguan", "Done.")
    assert talk.say().text == "Done."
    assert sorted(calls) == ["fails", "fails", "works"]
    assert sorted(results(talk)) == ["fails", "works"]


def test_too_many_rounds(server, talk_with, tools):
    talk = talk_with("zaguan", tools=[tools.get_weather], max_rounds=2)
    server.respond("zaguan", tool_calls=CALL, times=3)
    with pytest.raises(ConversationError, match="more than 2 rounds") as caught:
        talk.say("The weather?")
    assert [message["role"] for message in caught.value.messages] == [
        "user", "assistant", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert len(tools.calls) == 2
    assert talk.messages == []
    server.respond("zaguan", "It is cold.")
    assert talk.say().text == "It is cold."  # goes on from there
    assert len(talk.messages) == 8


COMPLETION = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "It is cold."}}]}
FUNCTION = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
CALLING = {
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": FUNCTION}],
            },
        }
    ]
}


def reply(body, kind="application/json"):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@for_each(["say", "stream"])
def test_a_server_that_is_killed_in_a_round(turn):
    tools = Tools()
    server = WireServer(reply(CALLING), [CLOSE], reply(COMPLETION))
    try:
        with Client(zaguan=Service(server.url, api_key="k")) as client:
            talk = Conversation(client.zaguan, model="m", tools=[tools.get_weather])
            with pytest.raises((APIConnectionError, StreamInterruptedError)):
                list(getattr(talk, turn)("The weather?"))
            assert talk.messages == []
            assert tools.calls == ["Oslo"]
            assert talk.say().text == "It is cold."
            assert tools.calls == ["Oslo"]
            assert roles(talk) == ["user", "assistant", "tool", "assistant"]
            assert len(server.requests) == 3
            assert server.requests[2].json()["messages"] == talk.messages[:-1]
    finally:
        server.close()
    assert server.problems == []


def test_a_stream_that_another_thread_closes():
    read, kept = threading.Event(), threading.Event()
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "It"}}]}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    server = WireServer([head, chunk, kept, CLOSE], reply(COMPLETION))

    def read_all(stream):
        try:
            for _ in stream:
                read.set()
        except StreamInterruptedError:
            pass  # if it was waiting for the next text

    try:
        with Client(zaguan=Service(server.url, api_key="k")) as client:
            talk = Conversation(client.zaguan, model="m")
            stream = talk.stream("The weather?")
            thread = threading.Thread(target=read_all, args=(stream,))
            thread.start()
            assert read.wait(10)
            stream.close()
            thread.join(10)
            assert not thread.is_alive()
            assert talk.messages == []
            assert talk.say().text == "It is cold."
    finally:
        kept.set()
        server.close()


@for_each([None, "", "a"])
def test_calls_without_an_id_of_their_own(call_id, server, talk):
    talk.reset()
    call = {"id": call_id, "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call, None, call]}
    server.respond("zaguan", body={"choices": [{"index": 0, "message": message}]})
    server.respond("zaguan", "It is cold.")
    assert talk.say("The weather?").text == "It is cold."
    asked, *answered = talk.messages[1:4]
    ids = [each["id"] for each in asked["tool_calls"]]
    assert [each["tool_call_id"] for each in answered] == ids
    assert all(ids)
    assert len(set(ids)) == 2


def test_a_result_that_is_not_valid_unicode(server, talk_with):
    def list_files() -> str:
        return "\udcff.txt"  # as os.listdir() gives names that are not in UTF-8

    talk = talk_with("zaguan", tools=[list_files])
    server.respond("zaguan", tool_calls=[("list_files", {})])
    server.respond("zaguan", "One.")
    assert talk.say("Which files?").text == "One."
    assert results(talk) == ["\ufffd.txt"]


def test_an_answer_that_is_not_valid_unicode(tmp_path):
    server = WireServer(reply({"choices": [{"message": {"content": "Hi \ud83d"}}]}), reply(COMPLETION))
    try:
        with Client(zaguan=Service(server.url, api_key="k")) as client:
            talk = Conversation(client.zaguan, model="m")
            talk.say("Hi")
            talk.save(tmp_path / "talk.json")
            assert talk.say("Go on").text == "It is cold."
            assert server.requests[1].json()["messages"][1]["content"] == "Hi \ufffd"
    finally:
        server.close()


def test_tools_with_one_name(talk_with):
    with pytest.raises(TypeError, match="same name"):
        talk_with("zaguan", tools=[Tools().get_weather, Tools().get_weather])
    with pytest.raises(TypeError, match="no type hint"):
        talk_with("zaguan", tools=[unhinted])


def unhinted(city):
    return city


def test_trim_keeps_rounds_whole(server, talk_with, tools):
    talk = talk_with("zaguan", tools=[tools.get_weather], trim=5)
    for _ in range(3):
        server.respond("zaguan", tool_calls=CALL)
        server.respond("zaguan", "It is cold.")
        talk.say("The weather?")
    sent = bodies(server)[-2]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "assistant", "user"]
    assert len(talk.messages) == 12


def test_a_typed_answer_in_a_talk(server, talk_with):
    talk = talk_with("zaguan")
    server.respond("zaguan", '{"city": "Oslo", "degrees": 3}')
    assert talk.say("The weather?", response_format=Weather).parse(Weather) == Weather("Oslo", 3.0)
