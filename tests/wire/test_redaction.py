"""Secrets that a server repeats: in no error, in nothing that an error leads to, in no warning of urllib3."""

import json
import logging
import pickle
import traceback
import warnings
from contextlib import suppress

import pytest
import requests

from chatsdk import APIError, APIResponseError, ChatSDKError, Client, InsecureTransportWarning, Service
from chatsdk.infinity import Infinity

from .answers import ASK, CHAT, MODELS, event, framed, head, json_reply, reply, text_event
from .server import CLOSE, RESET

KEY = "sk+a/b&c<d=-very-secret-0123"
OWN = "own-header/secret+0123456789"
DOTNET = json.dumps(KEY).replace("+", "\\u002B").replace("&", "\\u0026")
PERCENT = KEY.replace("+", "%2b").replace("/", "%2f").replace("&", "%26").replace("<", "%3c")
ECHO = {"error": {"message": f"bad {KEY}", "code": f"x-{KEY}", "inner": json.dumps({"k": KEY})}}

FAILURES = {
    "json": reply(json.dumps(ECHO).encode(), 401),
    "dotnet": reply(b'{"error": {"message": %b, "code": %b}}' % (DOTNET.encode(), DOTNET.encode()), 401),
    "json in json": json_reply({"detail": f'{{"key": {DOTNET}}}'}, 422),
    "html": reply(f"<html><title>{KEY.replace('&', '&amp;')}".replace("+", "&#43;").encode(), 502),
    "percent": reply(f"no access with key={PERCENT}".encode(), 403, kind="text/plain"),
    "deep": reply(b'{"error":' * 600 + json.dumps(KEY).encode() + b"}" * 600, 400),
    "not utf-8": reply(b'{"choices": "\xff' + KEY.encode(), 200),
    "half json": reply(b'{"choices": ' + DOTNET.encode(), 200),
    "a list": json_reply([KEY]),
    "a status line": [f"HTTP/1.1 what {KEY}\r\n\r\n".encode(), CLOSE],
    "a protocol": [f"HTTP/{KEY} 200 OK\r\n\r\n".encode(), CLOSE],
    "a length": [head(200, f"Content-Length: {KEY}, {KEY}x"), CLOSE],
    "an encoding": reply(b"\x00\xff", 200, f"Content-Encoding: {KEY}"),
    "a request id": json_reply({"error": "no"}, 400, f"X-Request-Id: {KEY}"),
    "a type": reply(b"no", 200, kind=f"text/{KEY}"),
    "a cut body": framed("length", [KEY.encode()], kind="application/json", cut=True),
    "a chunk size": [head(200, "Transfer-Encoding: chunked") + KEY.encode() + b"\r\n", CLOSE],
    "error event": framed("chunked", [text_event("Hi"), event(ECHO)]),
    "deep event": framed(
        "chunked", [b'data: {"error":' + b"[" * 600 + DOTNET.encode() + b"]" * 600 + b"}\n\n"]
    ),
    "event that is no object": framed("chunked", [text_event("Hi"), b"data: [%b]\n\n" % DOTNET.encode()]),
    "event that is no json": framed("chunked", [b"data: {" + KEY.encode() + b"\n\n"]),
    "event that is not utf-8": framed("chunked", [b'data: {"a": \xff' + KEY.encode() + b"\n\n"]),
    "chunk size in a stream": [
        head(200, "Transfer-Encoding: chunked", "Content-Type: text/event-stream") + KEY.encode() + b"\r\n",
        CLOSE,
    ],
}


def linked(error):
    """Return *error* and all exceptions that it leads to."""
    found = [error]
    for current in found:  # which grows meanwhile
        links = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        found += [item for item in links if isinstance(item, BaseException) and item not in found]
    return found


def everything_shown(error):
    """Return all texts that *error* and the exceptions behind it show."""
    texts = [repr(pickle.dumps(error))]
    for current in linked(error):
        texts += [str(current), repr(current), repr(current.args)]
        names = ("body", "code", "request_id", "content_type", "object", "doc", "partial")
        texts += [repr(getattr(current, name, None)) for name in names]
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    return texts + [line for line in lines if not line.startswith("    ")]  # without the source of this test


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_key_that_is_repeated(serve, connect, failure, stream):
    client = connect(serve(failure), api_key=KEY, max_retries=0)
    with pytest.raises(APIError) as caught:
        client.zaguan.chat_stream(**ASK).final() if stream else client.zaguan.chat(**ASK)
    hidden = (KEY, DOTNET[1:-1], PERCENT, KEY[6:])
    assert [text for text in everything_shown(caught.value) if any(form in text for form in hidden)] == []


def test_the_body_of_an_event_that_is_no_object(serve, connect):
    client = connect(serve(FAILURES["event that is no object"]), api_key=KEY)
    with pytest.raises(APIError) as caught:
        client.zaguan.chat_stream(**ASK).final()
    assert caught.value.body == ["***"]
    assert caught.value.partial.text == "Hi"


def test_a_deep_body_is_kept_as_text(serve, connect):
    client = connect(serve(FAILURES["deep"]), api_key=KEY)
    with pytest.raises(APIError) as caught:
        client.zaguan.chat(**ASK)
    assert caught.value.body == '{"error":' * 600 + '"***"' + "}" * 600
    assert pickle.loads(pickle.dumps(caught.value)).body == caught.value.body


@pytest.mark.parametrize("place", ["service", "with_options", "request", "session"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("api-key", OWN), ("X-Auth", f"Bearer {OWN}"), ("Cookie", f"a=b; session={OWN}"), ("My-Secret", OWN)],
)
def test_a_secret_header_of_the_user(serve, place, name, value):
    server = serve(lambda request: json_reply({"error": OWN, "sent": request.headers[name.lower()]}, 403))
    headers = {name: value}
    mask = "***"  # the whole value is a secret too
    with requests.Session() as session:
        if place == "session":
            session.headers.update(headers)
        service = Service(server.url, headers=headers if place == "service" else None)
        with Client(zaguan=service, session=session if place == "session" else None) as client:
            api = client.zaguan.with_options(headers=headers) if place == "with_options" else client.zaguan
            with pytest.raises(APIError) as caught:
                api.request("GET", "/x", headers=headers if place == "request" else None)
    assert server.requests[0].headers[name.lower()] == value
    assert caught.value.body == {"error": "***", "sent": mask}
    assert OWN not in "".join(everything_shown(caught.value))


TOKEN = "eyJhbGciOi.the-new-token.0123"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([TOKEN]),
        json.dumps([{"access_token": TOKEN}]),
        json.dumps({"data": {"access_token": {"value": TOKEN}}}),
        json.dumps({"data": {"access_token": TOKEN, "jwt": TOKEN}}),
        json.dumps({"result": json.dumps({"access_token": TOKEN})}),
        f"access_token={TOKEN}&token_type=bearer",
        json.dumps({"access_token": TOKEN})[:-5],
        json.dumps({"token_type": "bearer", "jwt": TOKEN})[:-3],
        json.dumps(TOKEN),
        TOKEN,
        "\xff" + TOKEN,
    ],
)
def test_a_login_answer_that_cannot_be_read(serve, body):
    server = serve(reply(body.encode("latin-1")))
    with Client(mongars=Service(server.url)) as client, pytest.raises(APIResponseError) as caught:
        client.mongars.login("ada", "hunter2-long")
    assert TOKEN not in "".join(everything_shown(caught.value))
    assert "***" in caught.value.body


@pytest.mark.parametrize("answer", [json_reply({"detail": "no"}, 401), RESET, reply(b"[]"), reply(b"\xff")])
def test_the_frames_of_a_failed_login_do_not_hold_the_password(serve, answer):
    password = "-".join(["hunter2", "long"])
    with Client(mongars=Service(serve(answer).url)) as client:
        try:
            client.mongars.login("ada", password)
        except APIError as failure:
            error = failure
    for current in linked(error):
        frames = [frame for frame, _ in traceback.walk_tb(current.__traceback__)]
        held = [repr(frame.f_locals) for frame in frames if frame.f_code.co_filename != __file__]
        assert "hunter2" not in "".join(held)


@pytest.mark.parametrize(
    "call",
    [
        lambda api, password: api.login("ad\ud800", password),
        lambda api, password: api.change_password("ab\ud800", password),
        lambda api, password: Client().mongars.login("ada", password),
    ],
    ids=["login", "change_password", "no address"],
)
def test_the_frames_of_a_refused_call_do_not_hold_the_password(call):
    with Client(mongars="http://localhost:1") as client, pytest.raises(ChatSDKError) as caught:
        call(client.mongars, "-".join(["hunter2", "long"]))
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    held = [repr(frame.f_locals) for frame in frames if frame.f_code.co_filename != __file__]
    assert len(held) > 2
    assert "hunter2" not in "".join(held)


def test_own_framing_headers_do_not_replace_those_that_fit(serve):
    wrong = {"Content-Length": "3", "Transfer-Encoding": "chunked"}
    server = serve(CHAT)
    with requests.Session() as session:
        session.headers.update(wrong)
        for own_session in (None, session):
            with Client(zaguan=Service(server.url, "k", headers=wrong), session=own_session) as client:
                api = client.zaguan.with_options(headers=wrong)
                api.chat(**ASK)
                api.request("POST", "/x", json={"a": 1}, headers=wrong)
                api.request("GET", "/x", headers={"content-length": "3"})
    for request in server.requests:
        assert "transfer-encoding" not in request.headers
        expected = None if request.method == "GET" else str(len(request.body))
        assert request.headers.get("content-length") == expected
    assert [json.loads(r.body) for r in server.requests[1::3]] == [{"a": 1}, {"a": 1}]


def test_files_with_a_timeout(serve, connect):
    server = serve(MODELS)
    connect(server).zaguan.request("POST", "/x", data={"a": "b"}, files={"f": ("n.txt", b"text")}, timeout=5)
    assert b'name="f"; filename="n.txt"\r\n\r\ntext\r\n' in server.requests[0].body
    assert b'name="a"\r\n\r\nb\r\n' in server.requests[0].body


def test_the_server_deletes_the_identity(serve):
    deletions = [
        ["Set-Cookie: {}=; Path=/"],
        ["Set-Cookie: {}=x; Max-Age=0"],
        ["Set-Cookie: a=b", "Set-Cookie: {}=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"],
    ]
    name = Infinity._spec.identity_cookie
    for lines in deletions:
        lines = [line.format(name) for line in lines]
        answers = [[f"Set-Cookie: {name}=me"], [], ["Set-Cookie: other=1"], lines, []]
        server = serve(*(json_reply({}, 200, *answer) for answer in answers))
        with Client(infinity=Service(server.url)) as client:
            for _ in answers:
                client.infinity.request("GET", "/x")
        me = f"{name}=me"
        assert [r.headers.get("cookie") for r in server.requests] == [None, me, me, me, None]


def test_urllib3_warns_of_nothing(serve, connect, waits, caplog):
    caplog.set_level(logging.INFO)
    server = serve(RESET, reply(b"{}"))
    response = connect(server).zaguan.request("GET", "/x", params={"q": "value-in-the-query"})
    assert response.json() == {}
    assert len(server.requests) == 2
    server = serve(head(200, "Content-Length: 2", f"no header {KEY}", "X-After: 1") + b"{}")
    assert connect(server, api_key=KEY).zaguan.request("GET", "/x").json() == {}
    assert caplog.records == []


def test_a_file_is_sent_whole_in_each_attempt(serve, connect, waits, tmp_path):
    (tmp_path / "f").write_bytes(b"text " * 10)
    server = serve(RESET, MODELS)
    with open(tmp_path / "f", "rb") as file:
        connect(server).zaguan.request("OPTIONS", "/x", data=file)
    assert [request.body for request in server.requests] == [b"text " * 10] * 2


def test_the_warning_about_plain_http_names_the_line_of_the_caller(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with Client(zaguan=Service("http://zaguan.invalid", "k", max_retries=0)) as client:
        monkeypatch.setattr(type(client._transport), "send", refuse)
        with warnings.catch_warnings(record=True) as caught, suppress(APIError):
            warnings.simplefilter("always")
            client.zaguan.chat(**ASK)
    assert [(w.category, w.filename) for w in caught] == [(InsecureTransportWarning, __file__)]


def refuse(*_args, **_kwargs):
    raise OSError("no network in this test")
