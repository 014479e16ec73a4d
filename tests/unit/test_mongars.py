import base64
import dataclasses
import json
import logging
import pickle
import warnings
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest

import chatsdk
from chatsdk import Client, Service, errors, mongars
from chatsdk.mongars import (
    AuthenticationError,
    ChatRequest,
    MonGARSError,
    PeerRegistration,
    PeerTelemetryPayload,
    ProvisionRequest,
    RagContextRequest,
    SuggestRequest,
    UserRegistration,
)

from .helpers import sent_json

URL = "https://mongars.example"
TOKEN = "the-token-of-ada"
PASSWORD = 'geheim/"größe" 9'


def jwt(**claims):
    """Return a token with *claims*, in the format of the server."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, "c2lnbmF0dXJl"])


@pytest.fixture
def api():
    with Client(mongars=Service(URL, max_retries=0)) as client:
        yield client.mongars


@pytest.fixture
def answer(http):
    """Add a JSON response, with what else ``responses`` takes."""

    def add(method, path, body, **more):
        http.add(method, URL + path, json=body, **more)

    return add


@pytest.fixture
def failed(http, api):
    """Answer a GET with a failing status and return the error."""

    def fail(status, **answer):
        http.add("GET", URL + "/healthz", status=status, **answer)
        with pytest.raises(MonGARSError) as caught:
            api.health()
        return caught.value

    return fail


class TestLogin:
    def test_a_form_goes_out_and_the_token_stays(self, http, api, answer):
        answer("POST", "/token", {"access_token": TOKEN, "token_type": "bearer"})
        assert api.token is None
        token = api.login("  ada ", "pass word&=ü")
        request = http.calls[0].request
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert dict(parse_qsl(request.body)) == {"username": "  ada ", "password": "pass word&=ü"}
        assert (token.access_token, token["token_type"]) == (TOKEN, "bearer")
        assert api.token == TOKEN

    def test_the_token_is_not_shown(self, http, api, answer):
        answer("POST", "/token", {"access_token": TOKEN})
        assert TOKEN not in repr(api.login("ada", "x"))
        assert TOKEN not in repr(api)

    def test_copies_share_it(self, http, api, answer):
        answer("POST", "/token", {"access_token": TOKEN})
        before = api.with_options(timeout=3)
        before.with_options(timeout=5).login("ada", "x")
        assert before.token == api.token == api.with_options(timeout=4).token == TOKEN
        api.set_token(" other ")
        assert before.token == "other"
        before.set_token(None)
        assert api.token is None

    def test_a_failed_login_keeps_the_token_before_it(self, http, api, answer):
        api.set_token(jwt(sub="bob"))
        answer("POST", "/token", {"detail": "Invalid credentials"}, status=401)
        answer("GET", "/api/v1/conversation/history", [])
        with pytest.raises(AuthenticationError, match=r"^HTTP \d+: Invalid credentials \("):
            api.login("ada", "wrong")
        assert api.token == jwt(sub="bob")
        api.history()
        assert http.calls[1].request.params["user_id"] == "bob"

    @pytest.mark.parametrize(
        "body",
        [
            *({"access_token": value} for value in (None, "", " \n", 5, "a\nb", ["a"], {})),
            {},
            {"detail": "later"},
            [],
            "token",
            None,
        ],
        ids=repr,
    )
    def test_an_answer_without_a_usable_token(self, http, api, answer, body):
        api.set_token(TOKEN)
        answer("POST", "/token", body)
        with pytest.raises(errors.APIResponseError) as caught:
            api.login("ada", "x")
        assert isinstance(caught.value, MonGARSError)
        assert api.token == TOKEN

    @pytest.mark.parametrize("arguments", [(None, "x"), ("ada", None), (5, "x"), ("ada", b"x")])
    def test_arguments_that_are_not_strings(self, http, api, arguments):
        with pytest.raises(TypeError, match="must be a string"):
            api.login(*arguments)

    def test_the_whole_answer_of_a_login_is_a_token_too(self, api):
        for answer in (mongars.TokenResponse("t.o.k", "bearer"), {"access_token": "t.o.k"}):
            api.set_token(None)
            api.set_token(answer)
            assert api.token == "t.o.k"
        for wrong in (mongars.TokenResponse(), {"token": "t.o.k2"}, ["t.o.k2"]):
            with pytest.raises(errors.ConfigurationError) as caught:
                api.set_token(wrong)
            assert isinstance(caught.value, MonGARSError)
            assert "t.o.k2" not in str(caught.value)
            assert api.token == "t.o.k"

    def test_a_token_that_no_header_can_hold(self, api):
        with pytest.raises(errors.ConfigurationError) as caught:
            api.set_token("abc\ndef")
        assert isinstance(caught.value, MonGARSError)
        assert "abc" not in str(caught.value)

    def test_a_token_from_the_start(self, monkeypatch):
        assert Client(mongars=Service(URL, TOKEN)).mongars.token == TOKEN
        monkeypatch.setenv("MONGARS_API_KEY", "from-the-environment")
        assert Client(mongars=URL).mongars.token == "from-the-environment"

    def test_it_is_not_pickled(self, http, api, answer):
        answer("POST", "/token", {"access_token": TOKEN})
        api.login("ada", "x")
        data = pickle.dumps(api)
        assert TOKEN.encode() not in data
        assert b"ada" not in data
        assert pickle.loads(data).token is None

    def test_a_password_over_plain_http_warns(self, http):
        http.add("POST", "http://mongars.example/token", json={"access_token": TOKEN})
        api = Client(mongars="http://mongars.example").mongars
        with pytest.warns(UserWarning, match="plain http") as caught:
            api.login("ada", PASSWORD)
        assert caught[0].filename == __file__
        assert PASSWORD not in str(caught[0].message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            api.login("ada", PASSWORD)


def echo(request):
    """Answer 422 with the input in it, as the server does."""
    sent = dict(parse_qsl(request.body)) if request.url.endswith("/token") else json.loads(request.body)
    found = [{"type": "x", "loc": ["body", name], "msg": "wrong", "input": sent} for name in sent]
    return 422, {}, json.dumps({"detail": found}, ensure_ascii=False).encode("utf-8")


def echo_as_text(request):
    sent = dict(parse_qsl(request.body)) if request.url.endswith("/token") else json.loads(request.body)
    return 500, {"Content-Type": "text/plain"}, " ".join(sent.values()).encode("utf-8")


def echo_as_it_came(request):
    body = request.body
    return 400, {"Content-Type": "text/plain"}, body if isinstance(body, str) else body.decode("utf-8")


WITH_PASSWORDS = {
    "login": ("/token", lambda api: api.login("ada", PASSWORD)),
    "register_user": (
        "/api/v1/user/register",
        lambda api: api.register_user(UserRegistration("a", PASSWORD)),
    ),
    "old_password": (
        "/api/v1/user/change-password",
        lambda api: api.change_password(PASSWORD, "long-enough"),
    ),
    "new_password": (
        "/api/v1/user/change-password",
        lambda api: api.change_password("long-enough", PASSWORD),
    ),
}


@pytest.mark.parametrize(("path", "call"), WITH_PASSWORDS.values(), ids=WITH_PASSWORDS.keys())
@pytest.mark.parametrize("server", [echo, echo_as_text, echo_as_it_came])
def test_a_password_that_is_echoed_is_shown_nowhere(http, api, caplog, path, call, server):
    caplog.set_level(logging.DEBUG)
    http.add_callback("POST", URL + path, callback=server)
    with pytest.raises(MonGARSError) as caught:
        call(api)
    error = caught.value
    texts = [str(error), repr(error), str(error.body), str(error.detail), caplog.text]
    assert "größe" not in "".join(texts)
    assert "geheim" not in "".join(texts)
    assert "größe".encode() not in pickle.dumps(error)
    assert "***" in str(error.body)


def test_a_registration_does_not_show_its_password():
    assert PASSWORD not in repr(UserRegistration("ada", PASSWORD))


CASES = [
    (
        "register_user",
        UserRegistration("ada", "long-enough"),
        {"username": "ada", "password": "long-enough"},
        "/api/v1/user/register",
        {"status": "registered", "is_admin": False},
    ),
    (
        "chat",
        ChatRequest("Hi", allowed_actions=[]),
        {"message": "Hi", "allowed_actions": []},
        "/api/v1/conversation/chat",
        {"response": ""},
    ),
    (
        "fetch_rag_context",
        RagContextRequest("why?", ["all"], 3),
        {"query": "why?", "repositories": ["all"], "max_results": 3},
        "/api/v1/review/rag-context",
        {"enabled": True, "focus_areas": ["x"], "references": [{"file_path": "a.py", "score": None}]},
    ),
    (
        "suggest_actions",
        SuggestRequest("help", []),
        {"prompt": "help", "actions": []},
        "/api/v1/ui/suggestions",
        {"actions": ["code"], "scores": {"code": 3.0}, "model": "m"},
    ),
    (
        "register_peer",
        PeerRegistration("http://peer.example/"),
        {"url": "http://peer.example/"},
        "/api/v1/peer/register",
        {"status": "registered", "count": 1},
    ),
    (
        "unregister_peer",
        PeerRegistration("http://peer.example/"),
        {"url": "http://peer.example/"},
        "/api/v1/peer/unregister",
        {"status": "not registered", "count": 0},
    ),
    (
        "provision_models",
        ProvisionRequest(["general"], True),
        {"roles": ["general"], "force": True},
        "/api/v1/models/provision",
        {"statuses": [{"role": "general", "action": "error"}]},
    ),
]
NAMES = [case[0] for case in CASES]


class TestRequests:
    """The JSON that is sent, for each form of a request, and the result."""

    @pytest.mark.parametrize(("name", "request_", "sent", "path", "body"), CASES, ids=NAMES)
    @pytest.mark.parametrize("form", ["object", "dict", "keywords", "both"])
    def test_each_form(self, http, api, answer, name, request_, sent, path, body, form):
        answer("POST", path, body)
        method = getattr(api, name)
        fields = {field.name: getattr(request_, field.name) for field in dataclasses.fields(request_)}
        if form == "object":
            result = method(request_)
        elif form == "dict":
            result = method(fields)
        elif form == "keywords":
            result = method(**fields)
        else:
            first = next(iter(fields))
            result = method({**fields, first: "overruled"}, **{first: fields[first]})
        assert sent_json(http) == sent
        assert result.to_dict().items() >= {k: v for k, v in body.items() if not isinstance(v, list)}.items()
        assert result.extra == {}

    @pytest.mark.parametrize(("name", "request_", "sent", "path", "body"), CASES, ids=NAMES)
    def test_mistakes(self, api, name, request_, sent, path, body):
        method = getattr(api, name)
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            method(request_, colour="red")
        with pytest.raises(TypeError, match=f"a chatsdk.mongars.{type(request_).__name__}, a dict"):
            method("text")

    def test_what_must_be_given(self, api):
        for method, missing in (
            (api.register_user, "username, password"),
            (api.chat, "message"),
            (api.fetch_rag_context, "query"),
            (api.suggest_actions, "prompt"),
            (api.register_peer, "url"),
            (api.unregister_peer, "url"),
        ):
            with pytest.raises(TypeError, match=f"missing {missing}"):
                method()
        with pytest.raises(TypeError, match="password must be a string"):
            api.register_user(username="ada", password=12345678)

    def test_provision_without_arguments_has_a_body(self, http, api, answer):
        answer("POST", "/api/v1/models/provision", {"statuses": []})
        assert list(api.provision_models()) == []
        assert sent_json(http) == {"force": False}

    def test_change_password(self, http, api, answer):
        answer("POST", "/api/v1/user/change-password", {"status": "changed"})
        assert api.change_password("long-enough", "even-longer").status == "changed"
        assert sent_json(http) == {"old_password": "long-enough", "new_password": "even-longer"}
        for arguments in ((None, "even-longer"), ("long-enough", 5)):
            with pytest.raises(TypeError):
                api.change_password(*arguments)

    def test_health_and_ready(self, http, api, answer):
        answer("GET", "/healthz", {"status": "ok"})
        answer("GET", "/ready", {"status": "ready"})
        assert (api.health().status, api.ready().status) == ("ok", "ready")


class TestChat:
    def test_an_answer(self, http, api, answer):
        turn = {
            "turn_id": "t",
            "text": "Hello",
            "created_at": "2025-10-06T12:34:56.789012Z",
            "segments": [{"text": "Hello", "estimated_duration": 0.5, "pause_after": 0.4}],
            "average_words_per_second": 2.5,
            "tempo": 1.0,
        }
        body = {"response": "Hello", "confidence": 0.9, "processing_time": 0.2, "speech_turn": turn}
        answer("POST", "/api/v1/conversation/chat", body)
        response = api.chat(message="Hi")
        assert (response.response, response.text, response["response"]) == ("Hello",) * 3
        assert response._repr_markdown_() == "Hello"
        created = datetime(2025, 10, 6, 12, 34, 56, 789012, tzinfo=timezone.utc)
        assert response.speech_turn.created_at == created
        assert response.speech_turn.segments[0].pause_after == 0.4
        assert response.to_dict() == body

    def test_an_empty_text_and_an_apology_are_answers(self, http, api, answer):
        sorry = "The response service is temporarily unavailable. Please try again in a observed_at."
        for text in ("", sorry):
            http.reset()
            answer("POST", "/api/v1/conversation/chat", {"response": text, "confidence": 0.0})
            response = api.chat(message="Hi")
            assert (response.text, response.confidence) == (text, 0.0)
            assert response.speech_turn.segments == []

    def test_an_answer_without_response(self, http, api, answer):
        answer("POST", "/api/v1/conversation/chat", {"confidence": 0.0})
        with pytest.raises(errors.APIResponseError, match="response"):
            api.chat(message="Hi")

    def test_none_is_not_sent(self, http, api, answer):
        answer("POST", "/api/v1/conversation/chat", {"response": "x"})
        api.chat(ChatRequest("Hi", None, None, "approved", "ref"))
        assert sent_json(http) == {"message": "Hi", "approval_token": "approved", "token_ref": "ref"}

    def test_the_approval_is_not_shown(self):
        assert "approved" not in repr(ChatRequest("Hi", approval_token="approved"))


class TestHistory:
    PATH = "/api/v1/conversation/history"

    def query_of_history(self, http, api, *arguments, **more):
        if not http.registered():
            http.add("GET", URL + self.PATH, json=[])
        assert api.history(*arguments, **more) == []
        return dict(parse_qsl(urlsplit(http.calls[-1].request.url).query, keep_blank_values=True))

    def test_given(self, http, api):
        api.set_token(jwt(sub="ada"))
        assert self.query_of_history(http, api, "bob") == {"user_id": "bob", "limit": "10"}
        assert self.query_of_history(http, api, user_id="", limit=0) == {"user_id": "", "limit": "0"}

    def test_the_user_of_the_token(self, http, api):
        # Not padded, and with characters that only the alphabet for URLs has.
        name = "ä~~~??>>"
        api.set_token(jwt(sub=name, admin=True, exp=1.5))
        assert self.query_of_history(http, api, limit=5) == {"user_id": name, "limit": "5"}

    def test_the_user_of_the_login(self, http, api, answer):
        answer("POST", "/token", {"access_token": TOKEN})
        api.login(" ada ", "x")
        http.add("GET", URL + self.PATH, json=[])
        assert self.query_of_history(http, api)["user_id"] == "ada"
        assert self.query_of_history(http, api.with_options(timeout=3))["user_id"] == "ada"

    def test_the_token_comes_before_the_login(self, http, api, answer):
        answer("POST", "/token", {"access_token": jwt(sub="Ada")})
        api.login("ada", "x")
        http.add("GET", URL + self.PATH, json=[])
        assert self.query_of_history(http, api)["user_id"] == "Ada"

    @pytest.mark.parametrize(
        "token",
        [
            None,
            "opaque",
            "a.b",
            "a.b.c",
            "a.%%%.c",
            "..",
            jwt(),
            jwt(sub=None),
            jwt(sub=" "),
            jwt(sub=5),
            "a." + base64.b64encode(b"[5]").decode() + ".c",
            "a." + base64.b64encode(b"\xff").decode() + ".c",
            "a." + base64.b64encode(b"[" * 100_000).decode() + ".c",
        ],
        ids=lambda token: str(token)[:12],
    )
    def test_no_user_is_known(self, http, api, token):
        api.set_token(token)
        with pytest.raises(errors.InvalidRequestError, match="user_id") as caught:
            api.history()
        assert isinstance(caught.value, MonGARSError)

    def test_another_token_removes_the_user_of_the_login(self, http, api, answer):
        answer("POST", "/token", {"access_token": TOKEN})
        api.login("ada", "x")
        api.set_token("another")
        with pytest.raises(errors.InvalidRequestError):
            api.history()

    def test_items(self, http, api, answer):
        item = {"user_id": "ada", "query": "q", "response": "r", "timestamp": "2025-10-07T00:00:00Z"}
        answer(
            "GET", self.PATH, [{**item, "expires_at": "2025-10-08T00:00:00Z"}, {**item, "expires_at": None}]
        )
        first, second = found = api.history("ada")
        assert first.timestamp == datetime(2025, 10, 7, tzinfo=timezone.utc)
        assert first.expires_at - first.timestamp == timedelta(days=1)
        assert second.expires_at is None
        assert found.to_rows()[1] == {**item, "expires_at": None}

    @pytest.mark.parametrize("body", [{}, {"items": []}, None, ["x"], "x"])
    def test_an_answer_that_is_not_a_list(self, http, api, answer, body):
        answer("GET", self.PATH, body)
        with pytest.raises(errors.APIResponseError):
            api.history("ada")


class TestPeers:
    MESSAGE = "/api/v1/peer/message"

    @pytest.mark.parametrize(
        ("payload", "sent"),
        [
            ("gAAAA", {"payload": "gAAAA"}),
            ({"payload": "gAAAA"}, {"payload": "gAAAA"}),
            ({"payload": " ", "hop": 1}, {"payload": " ", "hop": 1}),
        ],
    )
    @pytest.mark.parametrize("data", [{"kind": "task", "none": None}, [1], "text", 5, None])
    def test_message(self, http, api, answer, payload, sent, data):
        answer("POST", self.MESSAGE, {"status": "received", "data": data})
        receipt = api.send_peer_message(payload)
        assert sent_json(http) == sent
        assert (receipt.status, receipt.data) == ("received", data)

    def test_lists(self, http, api, answer):
        answer("GET", "/api/v1/peer/list", ["http://a.example", "http://b.example"])
        answer("GET", "/api/v1/user/list", {"users": ["ada", "bob"]})
        assert api.list_peers() == ["http://a.example", "http://b.example"]
        assert api.list_users() == ["ada", "bob"]

    @pytest.mark.parametrize("body", [{"peers": []}, None, [5], [None], "x", {"users": [5]}, {"users": None}])
    def test_answers_that_are_not_lists_of_strings(self, http, api, answer, body):
        answer("GET", "/api/v1/peer/list", body)
        answer("GET", "/api/v1/user/list", body)
        for method in (api.list_peers, api.list_users):
            with pytest.raises(errors.APIResponseError):
                method()

    def test_load(self, http, api, answer):
        load = {
            "scheduler_id": None,
            "queue_depth": 3,
            "active_workers": 1,
            "concurrency": 2,
            "load_factor": 1.5,
        }
        answer("GET", "/api/v1/peer/load", load)
        found = api.peer_load()
        assert (found.scheduler_id, found.queue_depth, found.load_factor) == (None, 3, 1.5)


class TestTelemetry:
    PATH = "/api/v1/peer/telemetry"

    @pytest.mark.parametrize(
        ("observed_at", "sent"),
        [
            (datetime(2025, 10, 7, 1, 2, 3, 4), "2025-10-07T01:02:03.000004"),
            (datetime(2025, 10, 7, tzinfo=timezone.utc), "2025-10-07T00:00:00Z"),
            (datetime(2025, 10, 7, tzinfo=timezone(timedelta(hours=2))), "2025-10-07T00:00:00+02:00"),
            ("2025-10-07 00:00", "2025-10-07 00:00"),
        ],
    )
    @pytest.mark.parametrize("form", ["object", "dict", "keywords"])
    def test_observed_at(self, http, api, answer, observed_at, sent, form):
        answer("POST", self.PATH, {"status": "accepted"}, status=202)
        if form == "object":
            report = PeerTelemetryPayload(observed_at=observed_at)
            found = api.publish_peer_telemetry(report)
            assert report.observed_at is observed_at
        elif form == "dict":
            found = api.publish_peer_telemetry({"observed_at": observed_at})
        else:
            found = api.publish_peer_telemetry(observed_at=observed_at)
        assert found.status == "accepted"
        assert sent_json(http)["observed_at"] == sent

    def test_fields(self, http, api, answer):
        answer("POST", self.PATH, {"status": "accepted"}, status=202)
        api.publish_peer_telemetry(queue_depth=3, load_factor=0.5, source="http://peer.example")
        sent = sent_json(http)
        assert {key: value for key, value in sent.items() if value} == {
            "queue_depth": 3,
            "load_factor": 0.5,
            "source": "http://peer.example",
        }
        assert None not in sent.values()

    @pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
    def test_numbers_that_json_cannot_represent(self, http, api, number):
        with pytest.raises(errors.InvalidRequestError) as caught:
            api.publish_peer_telemetry(load_factor=number)
        assert isinstance(caught.value, MonGARSError)

    def test_reports_come_back_and_can_be_sent_again(self, http, api, answer):
        row = {**PeerTelemetryPayload("s", 1, 2, 4, 0.5, 9.5, 40, 1, 0.025).to_dict(), "source": "local"}
        row["observed_at"] = "2025-10-07T00:00:00Z"
        answer("GET", self.PATH, {"telemetry": [row]})
        answer("POST", self.PATH, {"status": "accepted"}, status=202)
        (report,) = found = api.peer_telemetry()
        assert found.telemetry == [report]
        assert found.to_rows() == [row]
        assert report.observed_at == datetime(2025, 10, 7, tzinfo=timezone.utc)
        api.publish_peer_telemetry(report)
        assert sent_json(http) == row


def test_models(http, api, answer):
    model = {
        "role": "general",
        "name": "dolphin",
        "provider": "ollama",
        "parameters": {"top_p": 0.9, "stop": None, "nested": {"a": [1]}},
        "auto_download": True,
    }
    profile = {"name": "default", "models": {"general": model}}
    body = {"active_profile": "default", "available_profiles": ["default"], "profile": profile}
    answer("GET", "/api/v1/models", body)
    found = api.model_configuration()
    assert found.profile.models["general"].parameters == model["parameters"]
    assert found.profile.models["general"].description is None
    assert found.to_dict() == body


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "common", "other"),
        [
            (401, errors.AuthenticationError, errors.PermissionDeniedError),
            (403, errors.PermissionDeniedError, errors.AuthenticationError),
        ],
    )
    def test_both_are_authentication_errors_here(self, failed, status, common, other):
        error = failed(status, json={"detail": "No"})
        for kind in (AuthenticationError, common, errors.APIStatusError, MonGARSError, mongars.APIError):
            assert isinstance(error, kind), kind
        assert not isinstance(error, other)
        assert error.status_code == status
        assert type(error) is type(pickle.loads(pickle.dumps(error)))

    @pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429, 500, 502, 503, 504])
    def test_others_are_not(self, failed, status):
        error = failed(status, json={"detail": "No"})
        assert isinstance(error, errors.status_error(status))
        assert not isinstance(error, AuthenticationError)

    @pytest.mark.parametrize(
        ("answer", "message", "detail", "payload"),
        [
            ({"json": {"detail": "No"}}, "No", "No", {"detail": "No"}),
            (
                {"json": {"detail": [{"loc": ["body", "message"], "msg": "wrong", "input": "x"}]}},
                "body.message: wrong",
                [{"loc": ["body", "message"], "msg": "wrong", "input": "x"}],
                {"detail": [{"loc": ["body", "message"], "msg": "wrong", "input": "x"}]},
            ),
            ({"body": "Internal Server Error"},) + ("Internal Server Error",) * 3,
            ({"json": {"other": 1}}, "HTTP 409 Conflict", "HTTP 409 Conflict", {"other": 1}),
        ],
    )
    def test_names_of_the_earlier_client(self, failed, answer, message, detail, payload):
        error = failed(409, **answer)
        for found in (error, pickle.loads(pickle.dumps(error))):
            assert (found.message, found.detail, found.payload) == (message, detail, payload)

    def test_without_an_answer(self, api):
        with pytest.raises(MonGARSError) as caught:
            api.chat(message="\ud800")
        assert (caught.value.detail, caught.value.payload) == (str(caught.value), None)

    def test_approval(self, http, api, answer):
        detail = {
            "error": "approval_required",
            "token_ref": "ref",
            "blocked_entities": ["email"],
            "approval_token": "approval",
            "message": "This request requires human approval due to sensitive data",
        }
        answer("POST", "/llm/chat", {"detail": detail}, status=403)
        with pytest.raises(AuthenticationError) as caught:
            api.request("POST", "/llm/chat", json={"message": "mail me"})
        assert caught.value.message == detail["message"]
        assert caught.value.code == "approval_required"
        assert caught.value.detail == detail

    def test_a_login_is_sent_once(self, http):
        http.add("POST", URL + "/token", json={"detail": "Invalid credentials"}, status=401)
        with Client(mongars=Service(URL, max_retries=5)) as client, pytest.raises(AuthenticationError):
            client.mongars.login("ada", "wrong")
        assert len(http.calls) == 1


def test_names():
    assert mongars.SDKError is MonGARSError
    assert issubclass(AuthenticationError, MonGARSError)
    assert not issubclass(chatsdk.AuthenticationError, AuthenticationError)
