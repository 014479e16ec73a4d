"""A further OpenAI-compatible service needs its name, its defaults and its errors, and nothing else."""

import copy
import pickle
from dataclasses import dataclass

import pytest

from chatsdk import errors
from chatsdk._core.auth import Credentials
from chatsdk._core.openai_models import ChatResponse
from chatsdk._core.openai_service import OpenAIService
from chatsdk._core.options import Service, ServiceSpec
from chatsdk._core.transport import Transport

from .helpers import COMPLETION, sent_json, sse

URL = "https://acme.example"
CHUNK = {"id": "x", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}


class AcmeError(errors.ChatSDKError):
    pass


class AcmeNotFoundError(AcmeError, errors.NotFoundError):
    pass


class AcmeResponseError(AcmeError, errors.APIResponseError):
    pass


ERROR_CLASSES = {errors.NotFoundError: AcmeNotFoundError, errors.APIResponseError: AcmeResponseError}


class Acme(OpenAIService):
    _spec = ServiceSpec("acme", "ACME", ERROR_CLASSES, timeout=5.0, max_retries=0, base_url=URL)


@pytest.fixture
def acme():
    with Acme(Transport(None), Service(), Credentials("acme", "ACME", "sk-acme")) as api:
        yield api


def test_it_chats_streams_and_lists_models(http, acme):
    http.add("POST", f"{URL}/v1/chat/completions", json=COMPLETION)
    assert acme.chat(model="m", messages="Hello", temperature=0).text == "Hello"
    assert sent_json(http) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0,
        "stream": False,
    }
    http.replace("POST", f"{URL}/v1/chat/completions", body=sse(CHUNK), content_type="text/event-stream")
    assert acme.chat_stream(model="m", messages="Hello").final().text == "Hi"
    http.add("GET", f"{URL}/v1/models", json={"object": "list", "data": [{"id": "m"}]})
    assert [model.id for model in acme.list_models()] == ["m"]


def test_it_raises_its_own_errors(http, acme):
    http.add("GET", f"{URL}/v1/models", status=404, json={"error": "none"})
    with pytest.raises(AcmeNotFoundError) as caught:
        acme.list_models()
    assert (caught.value.service, caught.value.status_code) == ("acme", 404)


@dataclass
class Weather:
    city: str


def test_its_answers_and_their_tool_calls_raise_its_own_errors(http, acme):
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "Hi", "tool_calls": [call]}
    http.add("POST", f"{URL}/v1/chat/completions", json={"choices": [{"index": 0, "message": message}]})
    plain = acme.chat(model="m", messages="Hello")
    chunk = {"choices": [{"index": 0, "delta": message, "finish_reason": "stop"}]}
    http.replace("POST", f"{URL}/v1/chat/completions", body=sse(chunk), content_type="text/event-stream")
    streamed = acme.chat_stream(model="m", messages="Hello").final()
    for answer in (
        plain,
        copy.copy(plain),
        copy.deepcopy(plain),
        pickle.loads(pickle.dumps(plain)),
        streamed,
    ):
        for part in (answer, answer.message.tool_calls[0]):
            with pytest.raises(AcmeResponseError):
                part.parse(Weather)
    made = ChatResponse.from_dict(plain.to_dict())
    assert (made, repr(made)) == (plain, repr(plain))
    with pytest.raises(errors.APIResponseError) as caught:
        made.parse(Weather)
    assert type(caught.value) is errors.APIResponseError
