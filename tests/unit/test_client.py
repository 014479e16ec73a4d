import copy
import dataclasses
import inspect
import pickle
from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest
import requests
from urllib3.util import Retry

from chatsdk import APIConnectionError, ChatSDKError, Client, ConfigurationError, Service
from chatsdk.chatserver import ChatServer, ChatServerError
from chatsdk.mongars import ChatRequest as MonGARSChatRequest, MonGARS
from chatsdk.zaguan import Zaguan, ZaguanError

from .helpers import CHATSERVER, COMPLETION, ZAGUAN, make_client

NAMES = ("zaguan", "mongars")
MODELS = {"object": "list", "data": []}


def asked(http, number=-1):
    return http.calls[number].request


class Keys:
    """Remembers the Authorization of each request."""

    def __init__(self):
        self.seen = []

    def __call__(self, request):
        self.seen.append(request.headers.get("Authorization"))
        return 200, {}, '{"object": "list", "data": []}'


@pytest.fixture
def keys(http):
    found = Keys()
    http.add_callback("GET", ZAGUAN + "/v1/models", callback=found)
    return found


class TestAddress:
    @pytest.mark.parametrize(
        "given",
        [ZAGUAN, ZAGUAN + "/", ZAGUAN + "/v1", ZAGUAN + "/v1/", Service(ZAGUAN), Service(ZAGUAN + "/v1")],
    )
    def test_as_argument(self, http, given, monkeypatch):
        monkeypatch.setenv("ZAGUAN_BASE_URL", "https://elsewhere.example")
        http.add("GET", ZAGUAN + "/v1/models", json=MODELS)
        assert Client(zaguan=given).zaguan.list_models() == []

    @pytest.mark.parametrize("given", [None, Service(), Service(api_key="sk-1")])
    def test_from_the_environment(self, http, given, monkeypatch):
        monkeypatch.setenv("ZAGUAN_BASE_URL", ZAGUAN + "/prefix/")
        http.add("GET", ZAGUAN + "/prefix/v1/models", json=MODELS)
        assert Client(zaguan=given).zaguan.list_models() == []

    def test_by_default(self, http):
        http.add("GET", "http://localhost:3284/v1/models", json=MODELS)
        assert Client().chatserver.list_models().data == []

    def test_environment_before_default(self, http, monkeypatch):
        monkeypatch.setenv("CHATSERVER_BASE_URL", CHATSERVER)
        http.add("GET", CHATSERVER + "/v1/models", json=MODELS)
        assert Client().chatserver.list_models().data == []

    def test_missing(self):
        service = Client().zaguan  # at first use, not before
        with pytest.raises(ConfigurationError) as caught:
            service.list_models()
        assert isinstance(caught.value, ZaguanError)
        assert "Client(zaguan=...)" in str(caught.value)
        assert "ZAGUAN_BASE_URL" in str(caught.value)

    @pytest.mark.parametrize("bad", ["", "zaguan.example", "ftp://x.example", "https://u:p@x.example"])
    @pytest.mark.parametrize("name", ["zaguan", "chatserver"])
    def test_a_bad_one_is_found_at_once(self, name, bad):
        for given in (bad, Service(bad)):
            with pytest.raises(ConfigurationError, match=name):
                Client(**{name: given})

    def test_a_bad_one_of_the_environment(self, monkeypatch):
        monkeypatch.setenv("ZAGUAN_BASE_URL", "zaguan.example")
        with pytest.raises(ConfigurationError, match="zaguan") as caught:
            Client().zaguan.list_models()
        assert isinstance(caught.value, ZaguanError)


class TestKey:
    def test_argument_before_environment(self, keys, monkeypatch):
        monkeypatch.setenv("ZAGUAN_API_KEY", "sk-env")
        Client(zaguan=Service(ZAGUAN, api_key=" sk-own\n")).zaguan.list_models()
        Client(zaguan=ZAGUAN).zaguan.list_models()
        assert keys.seen == ["Bearer sk-own", "Bearer sk-env"]

    def test_none(self, keys):
        Client(zaguan=ZAGUAN).zaguan.list_models()
        assert keys.seen == [None]

    def test_changed_in_all_copies(self, keys):
        service = Client(zaguan=Service(ZAGUAN, api_key="sk-own")).zaguan
        clone = service.with_options(timeout=1)
        clone.set_api_key("sk-new")
        service.list_models()
        service.set_api_key(None)
        clone.list_models()
        assert keys.seen == ["Bearer sk-new", None]

    @pytest.mark.parametrize("bad", ["sk-\n1", "sk-😀", 5])
    def test_a_bad_one_is_found_at_once(self, bad):
        with pytest.raises(ConfigurationError):
            Client(zaguan=Service(ZAGUAN, api_key=bad))

    def test_each_service_has_its_own(self, http, keys):
        others = Keys()
        http.add_callback("GET", CHATSERVER + "/v1/models", callback=others)
        with make_client() as client:
            client.zaguan.list_models()
            client.chatserver.list_models()
        assert (keys.seen, others.seen) == (["Bearer sk-zaguan-1"], ["Bearer sk-chat-1"])

    def test_it_is_shown_nowhere(self):
        client = make_client()
        for shown in (repr(client), repr(client.zaguan), repr(client._settings), str(vars(client.zaguan))):
            assert "sk-" not in shown
        assert ZAGUAN in repr(client)
        assert ZAGUAN in repr(client.zaguan)

    def test_it_does_not_stay_with_the_answer(self, http, keys):
        response = Client(zaguan=Service(ZAGUAN, api_key="sk-own")).zaguan.request("GET", "/v1/models")
        assert asked(http).headers["Authorization"] == "Bearer sk-own"  # a recorder shows what was sent
        assert keys.seen == ["Bearer sk-own"]
        assert "sk-own" not in str(response.request.headers)


@pytest.mark.parametrize(
    "settings",
    [
        {"zaguan": 5},
        {"zaguan": ["https://x.example"]},
        {"zaguan": {"base_url": "https://x.example"}},
        {"timeout": 0},
        {"timeout": "5"},
        {"max_retries": -1},
        {"zaguan": Service(ZAGUAN, timeout=0)},
        {"zaguan": Service(ZAGUAN, headers={"a b": "c"})},
        {"chatserver": Service(max_response_bytes=0)},
    ],
)
def test_settings_that_cannot_work(settings):
    with pytest.raises(ConfigurationError):
        Client(**settings)


def test_unknown_services():
    with pytest.raises(TypeError, match="zaguann"):
        Client(zaguann=ZAGUAN)
    with pytest.raises(TypeError):
        Client(ZAGUAN)
    with pytest.raises(AttributeError):
        Client().zaguann  # noqa: B018


def test_settings_of_a_service_win_over_those_of_the_client():
    client = Client(zaguan=Service(timeout=(1, 7), max_retries=4), timeout=9, max_retries=Retry(6))
    own, common = client.zaguan._options, client.chatserver._options
    assert (own.connect_timeout, own.read_timeout, own.retry.total) == (1.0, 7.0, 4)
    assert (common.read_timeout, common.stream_timeout, common.retry.total) == (9.0, 9.0, 6)


def test_settings_by_default():
    client = Client()
    assert (client.zaguan._options.read_timeout, client.zaguan._options.retry.total) == (60.0, 2)
    assert (client.chatserver._options.read_timeout, client.chatserver._options.retry.total) == (30.0, 2)


def test_with_options_is_a_copy(http):
    http.add("GET", ZAGUAN + "/v1/models", json=MODELS)
    service = make_client().zaguan
    clone = service.with_options(headers={"X-Team": "blue"}, timeout=3)
    clone.list_models()
    service.list_models()
    assert asked(http, 0).headers["X-Team"] == "blue"
    assert "X-Team" not in asked(http, 1).headers
    assert service._options.read_timeout == 60.0
    assert type(clone) is Zaguan
    with pytest.raises(ConfigurationError):
        service.with_options(timeout=-1)


def test_namespaces_are_made_once():
    client = make_client()
    assert client.zaguan is client.zaguan
    assert isinstance(client.zaguan, Zaguan)
    assert isinstance(client.chatserver, ChatServer)


def test_context_manager_and_close():
    with make_client() as client:
        service = client.zaguan
    for use in (service.list_models, lambda: service.chat_stream(model="m", messages="x")):
        with pytest.raises(ChatSDKError, match="closed") as caught:
            use()
        assert isinstance(caught.value, ZaguanError)
    with pytest.raises(ChatServerError, match="closed"):
        client.chatserver.list_models()
    client.close()


def test_a_session_of_ones_own_stays_open(http):
    http.add("GET", ZAGUAN + "/v1/models", json=MODELS)
    with requests.Session() as session:
        session.headers["X-Mine"] = "1"
        adapters = dict(session.adapters)
        with Client(zaguan=ZAGUAN, session=session) as client:
            client.zaguan.list_models()
        assert asked(http).headers["X-Mine"] == "1"
        assert dict(session.adapters) == adapters
        assert session.get(ZAGUAN + "/v1/models").ok


def test_pickled_without_keys(http, monkeypatch):
    settings = Service(
        ZAGUAN, api_key="sk-own-1", timeout=7, headers={"X-Team": "blue", "X-Token": "sk-own-2"}
    )
    client = Client(zaguan=settings)
    restored_service = pickle.loads(pickle.dumps(client.zaguan))
    data = pickle.dumps(client)
    assert b"sk-own" not in data
    seen = Keys()
    http.add_callback("GET", ZAGUAN + "/v1/models", callback=seen)
    monkeypatch.setenv("ZAGUAN_API_KEY", "sk-there")
    restored = pickle.loads(data)
    restored.zaguan.list_models()
    assert seen.seen == ["Bearer sk-there"]
    assert asked(http).headers["X-Team"] == "blue"
    assert "X-Token" not in asked(http).headers
    assert restored.zaguan._options.read_timeout == 7.0
    assert b"sk-own" not in pickle.dumps(restored_service)
    assert client.zaguan._credentials.key == "sk-own-1"


@dataclasses.dataclass
class Job:
    client: Client
    service: MonGARS


COPIES = {
    "copy": lambda client, service: (copy.copy(client), copy.copy(service)),
    "deepcopy": lambda client, service: copy.deepcopy((client, service)),
    "asdict": lambda client, service: tuple(dataclasses.asdict(Job(client, service)).values()),
    "replace": lambda client, service: (dataclasses.replace(Job(client, service)).client, service),
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_keep_key_login_and_session(http, monkeypatch, way):
    monkeypatch.setenv("ZAGUAN_API_KEY", "sk-of-another-user")
    zaguan, mongars = Keys(), Keys()
    http.add_callback("GET", ZAGUAN + "/v1/models", callback=zaguan)
    http.add_callback("GET", "https://m.example/healthz", callback=mongars)
    with requests.Session() as session:
        session.headers["X-Mine"] = "1"
        settings = Service(ZAGUAN, api_key="sk-own", headers={"X-Token": "secret-1"})
        client = Client(zaguan=settings, mongars="https://m.example", session=session)
        service = client.mongars
        service.set_token("a.login.here")
        client_copy, service_copy = COPIES[way](client, service)
        client_copy.zaguan.list_models()
        assert asked(http).headers["X-Mine"] == "1"
        assert asked(http).headers["X-Token"] == "secret-1"
        service_copy.request("GET", "/healthz")
        service.set_token("another.login.here")
        client_copy.mongars.request("GET", "/healthz")
    assert zaguan.seen == ["Bearer sk-own"]
    assert mongars.seen == ["Bearer a.login.here", "Bearer another.login.here"]


class TestAKeyThatDidNotTravel:
    @staticmethod
    def travelled(what):
        client = Client(zaguan=Service(ZAGUAN, api_key="sk-own"), mongars="https://m.example")
        client.mongars.set_token("a.login.here")
        if what == "client":
            return pickle.loads(pickle.dumps(client))
        return SimpleNamespace(**{name: pickle.loads(pickle.dumps(getattr(client, name))) for name in NAMES})

    @pytest.mark.parametrize("what", ["client", "services"])
    def test_is_an_error_at_the_first_call(self, http, monkeypatch, what):
        there = self.travelled(what)
        again = pickle.loads(pickle.dumps(there))
        for name, variable in (("zaguan", "ZAGUAN_API_KEY"), ("mongars", "MONGARS_API_KEY")):
            for service in (getattr(there, name), getattr(again, name)):
                with pytest.raises(ConfigurationError, match=f"pickle.*{variable}.*set_api_key"):
                    service.request("GET", "/x")
        keys = Keys()
        http.add_callback("GET", ZAGUAN + "/v1/models", callback=keys)
        monkeypatch.setenv("ZAGUAN_API_KEY", "sk-there")
        there.zaguan.list_models()
        again.zaguan.set_api_key("sk-new")
        again.zaguan.list_models()
        again.zaguan.set_api_key(None)
        again.zaguan.list_models()
        assert keys.seen == ["Bearer sk-there", "Bearer sk-new", None]

    def test_a_login_needs_none(self, http):
        http.add("POST", "https://m.example/token", json={"access_token": "t.o.k", "token_type": "bearer"})
        service = self.travelled("client").mongars
        service.login("ada", "a-long-password")
        assert service.token == "t.o.k"

    def test_where_there_was_none_there_is_no_error(self, http):
        http.add("GET", ZAGUAN + "/v1/models", json=MODELS)
        assert pickle.loads(pickle.dumps(Client(zaguan=ZAGUAN))).zaguan.list_models() == []


def test_cookies_are_refused(http):
    http.add("GET", ZAGUAN + "/v1/models", json=MODELS, headers={"Set-Cookie": "who=ann; Path=/"})
    with make_client() as client:
        client.zaguan.list_models()
        client.zaguan.list_models()
    assert "Cookie" not in asked(http).headers


def test_both_services_on_one_client(http):
    http.add("POST", ZAGUAN + "/v1/chat/completions", json=COMPLETION)
    http.add("POST", CHATSERVER + "/v1/chat/completions", json=COMPLETION)
    with make_client() as client:
        assert client.zaguan.chat(model="m", messages="x").text == "Hello"
        assert client.chatserver.create_completion("m", "x").text == "Hello"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.zaguan.list_models(),
        lambda client: client.zaguan.chat_simple("hi"),
        lambda client: client.zaguan.chat_stream(model="m", messages="hi"),
        lambda client: next(client.zaguan.iter_credits_history()),
        lambda client: client.zaguan.request("GET", "/v1/models"),
        lambda client: client.zaguan.request("GET", "/v1/models", timeout=1),
        lambda client: client.arguslm.export_uptime_history(),
        lambda client: client.arguslm.wait_for_benchmark("x"),
        lambda client: client.arguslm.test_existing_provider("x"),
    ],
)
def test_the_warning_of_plain_http_names_the_line_that_called(http, call):
    service = Service("http://api.example", api_key="k", max_retries=0)
    client = Client(zaguan=service, arguslm=service)
    with pytest.warns(UserWarning, match="http") as caught, pytest.raises(APIConnectionError):
        call(client)
    assert [warning.filename for warning in caught] == [__file__]


ADDRESS_AND_KEY = r"Client\(zaguan=Service\(base_url, api_key=\.\.\.\)\)"


ONE, MANY = "did you mean 'message'", "did you mean 'messages'"
NAMED = "; pass by name: mongars, chatserver, arguslm, infinity, zaguan"
HI = {"model": "m", "messages": "x"}
OTHER = "chatsdk.zaguan.ChatRequest.* not chatsdk.mongars.ChatRequest"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda client: Client(base_url=ZAGUAN, api_key="k"), TypeError, ADDRESS_AND_KEY),
        (lambda client: Client(ZAGUAN), TypeError, NAMED),
        (lambda client: Client(zagaun=ZAGUAN), TypeError, "did you mean 'zaguan'"),
        (lambda client: client.chat.completions, AttributeError, "'chat'; .*zaguan.chat.*create_completion"),
        (lambda client: client.base_url, AttributeError, ADDRESS_AND_KEY),
        (lambda client: client.openai, AttributeError, "'openai'$"),
        (lambda client: client.zagaun, AttributeError, "did you mean 'zaguan'"),
        (lambda client: client.zaguan.chat(model="m", message="x"), TypeError, MANY),
        (lambda client: client.zaguan.chat_stream(model="m", message="x"), TypeError, MANY),
        (lambda client: client.chatserver.create_completion("m", message="x"), TypeError, MANY),
        (lambda client: client.mongars.chat(messages="x"), TypeError, ONE),
        (lambda client: client.zaguan.chat(**HI, stream=True), ZaguanError, "chat_stream"),
        (lambda client: client.zaguan.chat(HI, stream=True), ValueError, "chat_stream"),
        (lambda client: client.infinity.chat(message="x", stream=True), TypeError, "use chat_stream"),
        (lambda client: client.mongars.chat(message="x", stream=True), TypeError, "argument 'stream'$"),
        (lambda client: client.zaguan.chat(MonGARSChatRequest("x")), TypeError, OTHER),
        (lambda client: client.zaguan.chat("hi"), TypeError, "chatsdk.zaguan.ChatRequest.* not str"),
    ],
)
def test_a_wrong_guess_gets_a_hint(client, call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(client)
    assert str(caught.value).count("Client(zaguan=") <= 1
    assert str(caught.value).lower().count("did you mean") <= 1


def test_an_error_inside_a_method_is_left_alone(client):
    def fail():
        return None + 1

    with pytest.raises(TypeError, match="unsupported operand"):
        client.zaguan.chat(model="m", messages=(fail() for _ in range(1)))


def test_hints_deceive_no_tool(client):
    assert not hasattr(client, "chat")
    assert not hasattr(client, "_ipython_display_")
    assert [*inspect.signature(Client).parameters][:2] == ["mongars", "chatserver"]
    assert "model" in inspect.signature(client.zaguan.chat).parameters
    assert Client.zaguan is Zaguan


@pytest.mark.parametrize("instance", [False, True])
def test_a_mock_with_its_spec(instance):
    mock = create_autospec(Client, instance=instance)
    if not instance:
        with pytest.raises(TypeError):
            mock(base_url=ZAGUAN)
        mock = mock(zaguan=ZAGUAN)
    mock.zaguan.chat.return_value = "Hello"
    assert mock.zaguan.chat(model="m", messages="x") == "Hello"
    mock.zaguan.chat.assert_called_once_with(model="m", messages="x")
    with pytest.raises(TypeError):
        mock.zaguan.chat(message="x")
    for unknown in (lambda: mock.zaguan.create_chat, lambda: mock.chat):
        with pytest.raises(AttributeError):
            unknown()


def test_the_address_in_force(monkeypatch):
    client = Client(zaguan=ZAGUAN + "/v1/")
    assert client.zaguan.base_url == ZAGUAN
    assert repr(client.zaguan).startswith(f"<Zaguan at {ZAGUAN}, ")
    assert repr(client.chatserver).startswith("<ChatServer at http://localhost:3284, ")
    assert client.mongars.base_url is None
    assert repr(client.mongars).startswith("<MonGARS at no base_url, ")
    monkeypatch.setenv("MONGARS_BASE_URL", " https://m.example/ ")
    assert client.mongars.base_url == "https://m.example"
    monkeypatch.setenv("MONGARS_BASE_URL", "https://user:hunter2@m.example")
    assert repr(client.mongars).startswith("<MonGARS at an invalid base_url, ")
    with pytest.raises(ConfigurationError):
        client.mongars.base_url  # noqa: B018


def test_empty_headers_keep_those_in_force(http, keys):
    client = make_client(headers={"X-Team": "a"})
    client.zaguan.with_options(headers={}).list_models()
    assert asked(http).headers["X-Team"] == "a"
