"""What users and servers bring along: sessions, recorders, echoes of the key."""

from http.client import HTTPConnection

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.util import Retry

from chatsdk import APIConnectionError, APIStatusError

from .answers import MODELS, reply

BUSY = b'{"error": {"message": "busy"}}'


def test_an_adapter_that_gives_up_says_why(serve, connect):
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(1, status_forcelist=[503])))
        server = serve(reply(BUSY, 503), reply(BUSY, 503))
        with pytest.raises(APIConnectionError, match="503"):
            connect(server, session=session).zaguan.list_models()


def test_a_header_that_is_none_is_not_sent(serve, connect):
    with requests.Session() as session:
        session.headers["X-Team"] = None
        session.headers["X-Nom"] = "blue"
        server = serve(MODELS)
        connect(server, session=session).zaguan.list_models()
    assert "x-team" not in server.requests[0].headers
    assert server.requests[0].headers["x-nom"] == "blue"


def test_the_class_of_connections_may_be_replaced(serve, connect, monkeypatch):
    """Recorders such as vcrpy do so while they record."""
    made = []

    class Recorded(HTTPConnectionPool.ConnectionCls):
        def connect(self):
            made.append(self.port)
            super().connect()

    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", Recorded)
    server = serve(MODELS)
    connect(server).zaguan.list_models()
    assert made == [server.port]


@pytest.mark.parametrize("form", ["sk\\/secret-9", "sk/secret-9"])
def test_a_key_is_recognised_as_json_escapes_it(serve, connect, form):
    server = serve(reply(b'{"error": {"message": "no %b", "code": "%b"}}' % ((form.encode(),) * 2), 401))
    with pytest.raises(APIStatusError) as caught:
        connect(server, api_key="sk/secret-9").zaguan.list_models()
    assert "secret-9" not in f"{caught.value} {caught.value.body} {caught.value.code}"


def test_a_key_in_the_answers_id_is_left_out(serve, connect):
    server = serve(reply(b"{}", 401, "X-Request-Id: sk/secret-9"))
    with pytest.raises(APIStatusError) as caught:
        connect(server, api_key="sk/secret-9").zaguan.list_models()
    assert caught.value.request_id == "***"


class Standing(HTTPConnection):
    """As vcrpy's: it stands before a real one, and sends nothing before the answer is asked for."""

    def __init__(self, **options):
        self.__dict__["real"] = REAL(**options)

    def __getattr__(self, name):
        return getattr(self.real, name)

    def __setattr__(self, name, value):
        setattr(self.real, name, value)
        self.__dict__[name] = value

    def connect(self):
        pass

    def send(self, data):
        raise AssertionError("the recorder's own method is for what comes in pieces")

    def request(self, *args, **kwargs):
        self.__dict__["asked"] = args, kwargs

    def getresponse(self):
        args, kwargs = self.asked
        self.real.request(*args, **kwargs)
        return self.real.getresponse()


REAL = HTTPConnectionPool.ConnectionCls


def test_a_recorder_may_stand_before_the_connection(serve, connect, monkeypatch):
    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", Standing)
    server = serve(MODELS)
    assert connect(server).zaguan.list_models()[0].id == "m"
