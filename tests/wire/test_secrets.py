"""Keys, prompts and answers stay out of logs, texts and tracebacks."""

import logging
import pickle
import re
import traceback
from contextlib import suppress
from itertools import product

import pytest

from chatsdk import APIError
from tests.support.cases import for_each

from .answers import ASK, CHAT, DONE, MODELS, STOP, event, framed, head, json_reply, reply, text_event
from .conftest import KEY
from .server import CLOSE, RESET, SILENCE

PROMPT = "what-the-user-asked"
ANSWER = "what-the-model-said"
QUERY = "value-in-the-query"
LINE = re.compile(r"(GET|POST) (http\S+) (\S+) \d+ ms attempt (\d+)")


def lines_of(caplog):
    records = [record for record in caplog.records if record.name == "chatsdk"]
    assert {record.levelno for record in records} <= {logging.DEBUG}
    return [LINE.fullmatch(record.getMessage()).groups() for record in records]


@pytest.fixture(autouse=True)
def log(caplog):
    caplog.set_level(logging.DEBUG)


def test_one_line_for_an_exchange(serve, connect, caplog):
    server = serve(MODELS, json_reply({"error": "no"}, 404), CHAT)
    client = connect(server)
    client.zaguan.list_models()
    with pytest.raises(APIError):
        client.chatserver.list_models()
    client.zaguan.chat(**ASK)
    url = server.url
    assert lines_of(caplog) == [
        ("GET", f"{url}/v1/models", "200", "1"),
        ("GET", f"{url}/v1/models", "404", "1"),
        ("POST", f"{url}/v1/chat/completions", "200", "1"),
    ]


def test_one_line_for_a_stream(serve, connect, caplog):
    server = serve(framed("chunked", [text_event(ANSWER), STOP, DONE]))
    connect(server).zaguan.chat_stream(**ASK).final()
    assert lines_of(caplog) == [("POST", f"{server.url}/v1/chat/completions", "200", "1")]


def test_values_of_the_query_are_left_out(serve, connect, caplog):
    server = serve(reply(b'{"entries": []}'))
    connect(server).zaguan.get_credits_history(5, QUERY)
    assert lines_of(caplog)[0][1] == f"{server.url}/v1/credits/history?limit=...&cursor=..."


CUT = framed("length", [b"{}"], kind="application/json", cut=True)


@pytest.mark.parametrize(
    ("answers", "attempts"),
    [
        ([reply(b"", 503), reply(b"", 429), MODELS], 3),
        ([RESET, MODELS], 2),
        ([RESET], 3),
        ([reply(b"", 503)], 3),
        ([SILENCE], 3),
        ([CUT, MODELS], 2),
        ([CUT], 3),
        ([reply(b"", 500)], 1),
        ([head(302, "Location: /x", "Content-Length: 0")], 1),
        ([reply(b"not JSON")], 1),
    ],
    ids=["refusals", "reset", "resets", "always-503", "silence", "cut", "cuts", "500", "redirect", "text"],
)
def test_one_line_for_each_attempt(serve, connect, caplog, waits, answers, attempts):
    server = serve(*answers)
    with suppress(APIError):
        connect(server, timeout=0.05 if SILENCE in answers else 10).zaguan.list_models()
    assert [line[3] for line in lines_of(caplog)] == [str(number + 1) for number in range(attempts)]
    server.until(lambda: len(server.requests) >= attempts)
    assert len(server.requests) == attempts


def test_one_line_for_each_refused_connection(serve, connect, caplog, waits):
    with pytest.raises(APIError):
        connect(serve(listen=False)).zaguan.chat(**ASK)
    assert [line[3] for line in lines_of(caplog)] == ["1", "2", "3"]


def test_the_time_of_a_line_is_that_of_its_attempt(serve, connect, caplog, waits):
    server = serve(SILENCE, MODELS)
    connect(server, timeout=0.3).zaguan.list_models()
    times = [
        int(re.search(r"(\d+) ms", r.getMessage()).group(1)) for r in caplog.records if r.name == "chatsdk"
    ]
    assert times[0] >= 270
    assert times[1] < times[0]


ECHO = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}
COMPLAINT = {"detail": [{"loc": ["body", "model"], "msg": "Field required", "input": {"messages": PROMPT}}]}

# Each is what the server does, and whether the error keeps the answer on purpose (in body or partial).
FAILURES = {
    "key echoed": json_reply(ECHO, 401),
    "key echoed as text": reply(f"bad key {KEY}".encode(), 403, kind="text/plain"),
    "key echoed in a status line": [f"HTTP/1.1 what {KEY} {PROMPT} {ANSWER}\r\n\r\n".encode(), CLOSE],
    "garbage with the answer": [f"{ANSWER} {PROMPT}\r\n\r\n".encode(), CLOSE],
    "key echoed in a redirect": head(302, f"Location: /x?key={KEY}", "Content-Length: 0"),
    "key echoed in the reason": f"HTTP/1.1 400 {KEY}\r\nContent-Length: 0\r\n\r\n".encode(),
    "key echoed in a length": head(200, f"Content-Length: {KEY}, {KEY}x"),
    "prompt echoed": json_reply(COMPLAINT, 422),
    "reset": RESET,
    "timeout": SILENCE,
    "cut": framed("length", [ANSWER.encode()], kind="application/json", cut=True),
    "cut chunk": framed("one-chunk", [ANSWER.encode()], kind="application/json", cut=True),
    "not JSON": reply(ANSWER.encode() + b"\xff"),
    "half JSON": reply(f'{{"choices": ["{ANSWER}'.encode()),
    "not compressed": reply(ANSWER.encode(), 200, "Content-Encoding: gzip"),
    "a list": json_reply([ANSWER]),
    "error event": framed("chunked", [text_event(ANSWER), event(ECHO)]),
    "broken event": framed("chunked", [text_event(ANSWER), b'data: {"a": "' + ANSWER.encode() + b"\n\n"]),
    "event that is no text": framed("chunked", [b"data: \xff" + ANSWER.encode() + b"\n\n"]),
    "cut stream": framed("chunked", [text_event(ANSWER)], cut=True),
    "stream without end": framed("chunked", [text_event(ANSWER)]),
}
SILENT = ("timeout", "key echoed in a length")


def ask(client, stream):
    fields = {"model": "m", "messages": PROMPT}
    if stream:
        return client.zaguan.chat_stream(**fields).final()
    return client.zaguan.chat(**fields)


@for_each(product(FAILURES, [False, True]), at_once=True)
def test_a_failure_shows_nothing(failure, stream, serve, connect, caplog):
    server = serve(FAILURES[failure])
    client = connect(server, timeout=0.1 if failure in SILENT else 10)
    with pytest.raises(APIError) as caught:
        ask(client, stream)
    error = caught.value
    shown = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    # The lines of source code in a traceback belong to this test.
    shown = "\n".join(line for line in shown.splitlines() if not line.startswith("    "))
    texts = [caplog.text, str(error), repr(error), shown, error.url, repr(client), repr(client.zaguan)]
    for secret in (KEY, PROMPT, ANSWER):
        assert [text for text in texts if secret in text] == []
    assert "\n" not in str(error)


@for_each(product(FAILURES, [False, True]), at_once=True)
def test_a_pickled_failure_holds_no_key_and_no_request(failure, stream, serve, connect):
    client = connect(serve(FAILURES[failure]), timeout=0.1 if failure in SILENT else 10)
    with pytest.raises(APIError) as caught:
        ask(client, stream)
    cause = caught.value.__cause__  # tblib, which Dask installs, pickles causes too
    while cause is not None:
        assert getattr(cause, "request", None) is None
        cause = cause.__cause__
    data = pickle.dumps(caught.value)
    assert KEY.encode() not in data
    assert type(pickle.loads(data)) is type(caught.value)
    if failure != "prompt echoed":  # its body says what the server says
        assert PROMPT.encode() not in data


def test_a_success_shows_nothing(serve, connect, caplog):
    server = serve(framed("chunked", [text_event(ANSWER), STOP, DONE]), CHAT)
    client = connect(server)
    stream = client.zaguan.chat_stream(model="m", messages=PROMPT)
    texts = [repr(stream), repr(client), repr(client.zaguan), repr(stream.response)]
    stream.final()
    client.zaguan.chat(model="m", messages=PROMPT)
    for secret in (KEY, PROMPT, ANSWER):
        assert [text for text in [*texts, caplog.text] if secret in text] == []


def test_the_query_stays_out_of_errors(serve, connect, waits):
    with pytest.raises(APIError) as caught:
        connect(serve(listen=False)).zaguan.get_credits_history(cursor=QUERY)
    error = caught.value
    assert error.url.endswith("/v1/credits/history?cursor=...")
    assert QUERY not in str(error)
    assert QUERY not in "".join(traceback.format_exception(type(error), error, error.__traceback__))
