"""What users and servers may give that nobody would write into a tutorial."""

import json
import uuid
from collections import OrderedDict

import pytest

from chatsdk import ConfigurationError, InvalidRequestError, StreamError
from chatsdk.chatserver import ChatServerError
from chatsdk.zaguan import ChatResponse, ZaguanError

from .helpers import make_client

CHAT = "https://zaguan.example/v1/chat/completions"
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]}


def sent(http):
    return json.loads(http.calls[0].request.body)


@pytest.mark.parametrize("cursor", [{"a": 1}, ["x"], 7, ""])
def test_a_cursor_that_is_no_text_ends_the_history(http, client, cursor):
    http.add(
        "GET",
        "https://zaguan.example/v1/credits/history",
        json={"entries": [{"id": "1"}], "next_cursor": cursor},
    )
    assert [entry.id for entry in client.zaguan.iter_credits_history()] == ["1"]


def test_ordered_dicts_and_tuples_are_read_like_dicts_and_lists():
    answer = json.loads(json.dumps(ANSWER), object_pairs_hook=OrderedDict)
    answer["choices"] = tuple(answer["choices"])
    assert ChatResponse.from_dict(answer).text == "Hi"


def test_no_null_goes_out_for_an_unknown_field(http, client):
    http.add("POST", CHAT, json=ANSWER)
    client.zaguan.chat({"model": "m", "messages": "x", "foo": None, "bar": 1})
    assert sent(http) == {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "stream": False,
        "bar": 1,
    }


def test_ids_may_be_uuid_objects(http, client):
    name = uuid.uuid4()
    http.add("POST", CHAT, json=ANSWER)
    client.zaguan.chat(model="m", messages="x", user=name, request_id=name)
    assert sent(http)["user"] == str(name)
    assert http.calls[0].request.headers["X-Request-Id"] == str(name)


def test_the_escape_hatch_has_a_request_id_too(http, client):
    http.add("POST", "https://zaguan.example/v1/embeddings", json={})
    client.zaguan.request("POST", "/v1/embeddings", json={})
    assert uuid.UUID(http.calls[0].request.headers["X-Request-Id"])


@pytest.mark.parametrize(
    "do",
    [
        lambda api: api.with_options(timeout=0),
        lambda api: api.with_options(headers={"a b": "c"}),
        lambda api: api.set_api_key("a\nb"),
    ],
)
def test_bad_settings_are_errors_of_their_service(client, do):
    for api, base in ((client.zaguan, ZaguanError), (client.chatserver, ChatServerError)):
        with pytest.raises(base) as caught:
            do(api)
        assert isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize("messages", [5, 1.5, b"hi"])
def test_messages_that_are_none(client, messages):
    with pytest.raises(TypeError, match="must be a string or a list, not " + type(messages).__name__):
        client.zaguan.chat(model="m", messages=messages)


def test_a_method_that_is_none(client):
    with pytest.raises(InvalidRequestError):
        client.zaguan.request("GE T", "/v1/models")


def test_a_number_sign_is_part_of_the_path(http, client):
    http.add("GET", "https://zaguan.example/a%23b", json={})
    client.zaguan.request("GET", "/a#b")


def stream_of(http, body):
    http.add("POST", CHAT, body=body, content_type="text/event-stream")
    with make_client() as client:
        return client.zaguan.chat_stream(model="m", messages="x")


@pytest.mark.parametrize(
    "data", ["upstream exploded", '"upstream exploded"', '{"message": "upstream exploded"}']
)
def test_an_error_event_in_any_form_has_its_sentence(http, data):
    with pytest.raises(StreamError, match=r"^upstream exploded$"):
        stream_of(http, f"event: error\ndata: {data}\n\n").final()


def test_the_end_marker_may_trail_a_space(http):
    assert (
        stream_of(http, 'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE] \n\n').final().text
        == "Hi"
    )


def test_an_index_of_null_is_the_first_choice(http, client):
    body = 'data: {"choices": [{"index": null, "delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n'
    http.add("POST", "https://chat.example/v1/chat/completions", body=body, content_type="text/event-stream")
    assert list(client.chatserver.create_completion("m", "x", stream=True)) == ["Hi"]
