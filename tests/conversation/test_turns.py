"""The same talk on all four services: what is sent, what is kept, and what failures leave behind."""

import json
from uuid import UUID

import pytest

from chatsdk import (
    APIConnectionError,
    AuthenticationError,
    Conversation,
    InvalidRequestError,
    StreamInterruptedError,
)
from chatsdk.conversation import ConversationError
from chatsdk.zaguan import Message
from tests.support.cases import for_each

from .conftest import MODELS, SERVICES, USER, bodies


def said(*texts):
    """The transcript of a talk."""
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": text} for number, text in enumerate(texts)]


@for_each(SERVICES)
def test_a_talk(service, server, talk_with):
    talk = talk_with(service)
    assert (talk.messages, talk.last) == ([], None)
    answer = talk.say("one")
    assert answer.text == "Hello! You said: one"
    assert talk.last is answer
    with talk.stream("two") as stream:
        assert "".join(stream) == "Hello! You said: two"
        assert stream.final() is talk.last
    assert talk.stream("three").final().text == "Hello! You said: three"
    texts = [f"Hello! You said: {word}" for word in ("one", "two", "three")]
    assert talk.messages == said("one", texts[0], "two", texts[1], "three", texts[2])
    assert len(bodies(server, service)) == 3
    # The servers of ChatServer and monGARS count nothing.
    assert (talk.usage.total_tokens > 0) is (service in ("zaguan", "infinity"))
    used = talk.usage.total_tokens
    talk.say("four")
    assert talk.usage.total_tokens == used + used_by(talk.last)


@for_each(SERVICES)
def test_display(service, server, talk_with, capsys):
    talk = talk_with(service)
    assert talk.stream("one").display() is talk.last
    assert capsys.readouterr().out == "Hello! You said: one\n"
    assert talk.messages == said("one", "Hello! You said: one")


def used_by(answer):
    if hasattr(answer, "usage"):
        return answer.usage.total_tokens
    return getattr(answer, "metadata", {}).get("tokensUsed", 0)


def test_zaguan_is_sent_the_transcript(server, talk_with):
    talk = talk_with("zaguan", system="Be brief.", user="u", temperature=0)
    talk.say("one", max_tokens=50)
    talk.stream(["two", {"type": "text", "text": "parts"}]).final()
    first, second = bodies(server)
    system = {"role": "system", "content": "Be brief."}
    assert first == {
        "model": MODELS["zaguan"],
        "messages": [system, *said("one")],
        "user": "u",
        "temperature": 0,
        "max_tokens": 50,
        "stream": False,
    }
    parts = [{"type": "text", "text": "two"}, {"type": "text", "text": "parts"}]
    assert second["messages"] == [system, *said("one", "Hello! You said: one", parts)]
    assert second["stream_options"] == {"include_usage": True}
    assert "max_tokens" not in second
    assert talk.id is None


def test_chatserver_is_sent_the_transcript_in_one_session(server, talk_with, client):
    talk = talk_with("chatserver", system="Be brief.", user=USER)
    assert talk.id is None
    pieces = list(talk.stream("one"))
    assert pieces == ["Hello! You said: one"]  # a session that begins with a stream may hang later
    assert len(list(talk.stream("two"))) > 1
    talk.say(["three", "parts"])
    sent = bodies(server)
    assert [body["stream"] for body in sent] == [False, True, False]
    assert [len(body["messages"]) for body in sent] == [2, 4, 6]
    assert {body["metadata"]["session_id"] for body in sent} == {talk.id}
    assert str(UUID(talk.id)) == talk.id
    assert {(body["user"], body["metadata"]["user_id"]) for body in sent} == {(USER, USER)}
    stored = client.chatserver.get_session(talk.id, user_id=USER).messages
    assert [{"role": item.role, "content": item.content} for item in stored] == talk.messages


def test_chatserver_goes_on_in_a_new_session_after_a_turn_that_failed(server, talk_with, client):
    talk = talk_with("chatserver", user=USER)
    talk.say("one")
    sessions = [talk.id]
    server.cut("chatserver", after=1)
    with pytest.raises(StreamInterruptedError) as caught:
        list(talk.stream("two"))
    assert caught.value.partial.text == "Hello!"
    assert talk.messages == said("one", "Hello! You said: one")
    assert list(talk.stream("two")) == ["Hello! You said: two"]
    sessions.append(talk.id)
    for _ in talk.stream("three"):
        break
    talk.say("three")
    sessions.append(talk.id)
    talk.model = "claude-sonnet-4-5@20250929"  # a session keeps the model of its first call
    talk.say("four")
    sessions.append(talk.id)
    assert len(set(sessions)) == 4
    # Of the turn that was left the server has stored the question.
    for session_id, count, left in zip(sessions[1:], (4, 6, 8), (["three"], [], [])):
        stored = client.chatserver.get_session(session_id, user_id=USER).messages
        contents = [item["content"] for item in talk.messages[:count]]
        assert [item.content for item in stored] == contents + left


def test_infinity_keeps_one_conversation_of_one_identity(server, client):
    client.infinity.set_api_key(None)
    talk = Conversation(client.infinity, system="Be brief.")
    assert list(talk.stream("one")) == ["Hello! You said: one"]  # it brings the identity
    assert len(list(talk.stream("two"))) > 1
    paths = [request.path for request in server.requests]
    assert paths == ["/chat", "/chat/stream"]
    first, second = bodies(server)
    assert first == {"message": "one", "userContext": "Be brief."}
    assert second == {"message": "two", "userContext": "Be brief.", "conversationId": talk.id}
    assert talk.id.startswith("conv_")
    assert "infinity_anon_user=anon_" in server.requests[1].headers["cookie"]


def test_infinity_with_a_user_streams_at_once(server, talk_with):
    talk = talk_with("infinity", user="u")
    assert len(list(talk.stream("one"))) > 1
    conversation = talk.id
    talk.say("two")
    assert [body["userId"] for body in bodies(server)] == ["u", "u"]
    assert [body.get("conversationId") for body in bodies(server)] == [None, conversation]


def test_mongars_keeps_one_session(server, talk_with):
    talk = talk_with("mongars")
    assert list(talk.stream("one")) == ["Hello! You said: one"]
    talk.say("two")
    assert bodies(server) == [
        {"message": "one", "session_id": talk.id},
        {"message": "two", "session_id": talk.id},
    ]


CANNOT = [
    ("zaguan", {"model": None}, "zaguan needs a model"),
    ("chatserver", {"model": None}, "chatserver needs a model"),
    ("chatserver", {"tools": [len]}, "chatserver does not support tools"),
    ("infinity", {"tools": [len]}, "infinity does not support tools"),
    ("infinity", {"model": "m"}, "infinity does not support model"),
    ("infinity", {"trim": 5}, "infinity does not support trim"),
    ("mongars", {"tools": [len]}, "mongars does not support tools"),
    ("mongars", {"system": "Be brief."}, "mongars does not support system"),
    ("mongars", {"user": "u"}, "mongars does not support user"),
]


@for_each(CANNOT)
def test_what_a_service_cannot_do_is_said_at_once(service, settings, words, talk_with):
    with pytest.raises(InvalidRequestError, match=words):
        talk_with(service, **settings)


@for_each(SERVICES)
def test_parts(service, server, talk_with):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    talk = talk_with(service)
    if service == "zaguan":
        talk.say(["Look", picture])
        assert talk.messages[0]["content"] == [{"type": "text", "text": "Look"}, picture]
        return
    talk.say("one")
    before, session = len(server.requests), talk.id
    for turn in (talk.say, talk.stream):
        with pytest.raises(InvalidRequestError, match="text only"):
            turn(["Look", picture])
    assert len(server.requests) == before
    assert talk.id == session
    assert talk.say(["two ", "parts"]).text == "Hello! You said: two parts"


@for_each([{"role": "user", "content": "Hi"}, {"type": "text", "text": "Hi"}, Message("user", "Hi")])
def test_a_message_is_no_content(content, talk_with):
    with pytest.raises(TypeError, match="content must be a text or a list, not a "):
        talk_with("zaguan").say(content)


@for_each(["infinity", "mongars"])
def test_a_model_that_cannot_be_chosen(service, talk_with):
    talk = talk_with(service)
    with pytest.raises(InvalidRequestError, match="does not support model"):
        talk.model = "m"


def test_what_is_no_setting(client):
    for service in (client, client.arguslm, "zaguan", None):
        with pytest.raises(TypeError, match=r"client\.zaguan or client\.chatserver or"):
            Conversation(service)


@for_each(SERVICES)
def test_options_that_a_service_does_not_know(service, server, talk_with):
    talk = talk_with(service)
    before = len(server.requests)
    for options in ({"nonsense": 1}, {"message": "x", "messages": "x"}):
        with pytest.raises(TypeError, match="keyword argument"):
            talk.say("one", **options)
    assert len(server.requests) == before
    assert talk.say("one").text == "Hello! You said: one"


@for_each(SERVICES)
def test_a_turn_that_fails_changes_nothing(service, server, talk_with):
    talk = talk_with(service)
    talk.say("one")
    before = talk.messages
    for turn in (talk.say, talk.stream):
        server.fail(service, 401)
        with pytest.raises(AuthenticationError):
            turn("two")  # of a stream it is raised here as well
        assert talk.messages == before
    assert talk.say().text == "Hello! You said: two"  # asked again
    assert talk.messages == said("one", "Hello! You said: one", "two", "Hello! You said: two")
    with pytest.raises(ConversationError, match="no failed turn"):
        talk.say()


@for_each(["zaguan", "chatserver", "infinity"])
def test_a_stream_that_is_cut(service, server, talk_with):
    talk = talk_with(service)
    talk.say("one")
    before = talk.messages
    server.cut(service, after=4)
    stream = talk.stream("two")
    with pytest.raises(StreamInterruptedError) as caught:
        list(stream)
    assert "Hello! You said: two".startswith(caught.value.partial.text)
    assert caught.value.partial.text
    with pytest.raises(StreamInterruptedError):
        stream.final()
    assert talk.messages == before
    assert talk.stream().final().text == "Hello! You said: two"


@for_each(SERVICES)
def test_a_stream_that_is_left_early(service, server, talk_with):
    talk = talk_with(service)
    talk.say("one")
    before = talk.messages
    stream = talk.stream("two")
    for _ in stream:
        break
    with pytest.raises(ConversationError, match="closed before its end"):
        stream.final()
    del stream
    talk.stream("three").close()
    talk.stream("four")  # dropped
    assert talk.messages == before
    assert talk.say("five").text == "Hello! You said: five"


@for_each(SERVICES)
def test_one_turn_at_a_time(service, server, talk_with):
    talk = talk_with(service)
    talk.say("one")
    stream = talk.stream("two")
    session, count = talk.id, len(server.requests)
    for turn in (lambda: talk.say("three"), lambda: talk.stream("three"), talk.say, talk.reset):
        with pytest.raises(ConversationError, match="still running"):
            turn()
    assert len(server.requests) == count
    assert stream.final().text == "Hello! You said: two"
    assert talk.id == session
    assert len(talk.messages) == 4
    assert talk.say("three")


def test_a_server_that_is_gone(talk_with, server):
    talks = [talk_with(service) for service in SERVICES]
    server.close()
    for talk in talks:
        for turn in (talk.say, talk.stream):
            with pytest.raises(APIConnectionError):
                turn("one")
        assert talk.messages == []


def test_reset_and_fork(server, talk_with):
    for service in SERVICES:
        talk = talk_with(service)
        talk.say("one")
        first = talk.id
        if service in ("zaguan", "chatserver"):
            fork = talk.fork()
            assert fork.usage.total_tokens == 0
            fork.say("two")
            talk.say("three")
            assert [item["content"] for item in fork.messages if item["role"] == "user"] == ["one", "two"]
            assert [item["content"] for item in talk.messages if item["role"] == "user"] == ["one", "three"]
            assert service == "zaguan" or fork.id not in (None, talk.id)
        else:
            with pytest.raises(InvalidRequestError, match="cannot be forked"):
                talk.fork()
        talk.reset()
        assert (talk.messages, talk.last, talk.usage.total_tokens) == ([], None, 0)
        talk.say("four")
        assert service == "zaguan" or talk.id != first
    assert "conversationId" not in bodies(server, "infinity")[-1]


def test_trim_leaves_whole_turns(server, talk_with):
    for service in ("zaguan", "chatserver"):
        talk = talk_with(service, system="Be brief.", trim=3)
        for word in ("one", "two", "three", "four"):
            talk.say(word)
        sent = [[item["content"] for item in body["messages"]] for body in bodies(server, service)]
        assert sent[1] == ["Be brief.", "one", "Hello! You said: one", "two"]
        assert sent[2] == ["Be brief.", "two", "Hello! You said: two", "three"]
        assert sent[3] == ["Be brief.", "three", "Hello! You said: three", "four"]
        assert len(talk.messages) == 9
    sessions = [body["metadata"]["session_id"] for body in bodies(server, "chatserver")]
    assert sessions[0] == sessions[1]
    assert len(set(sessions)) == 3  # a session takes the whole transcript, or none of it


def test_a_hundred_turns_cost_what_is_sent(server, talk_with):
    sizes = {}
    for service, settings in (("mongars", {}), ("infinity", {}), ("zaguan", {"trim": 10})):
        talk = talk_with(service, **settings)
        if service == "infinity":
            talk = talk_with(service, user="u", user_tier="business")
        for _ in range(100):
            talk.say("Hi")
        sent = bodies(server, service)
        sizes[service] = [len(json.dumps(body)) for body in sent]
        assert len(sent) == 100
        assert len(talk.messages) == 200
    for service, found in sizes.items():
        assert len(set(found[10:])) == 1, service
