import pickle

import pytest
import requests

from chatsdk import ChatSDKError
from chatsdk._core.transport import Transport


def test_a_session_says_nothing_of_its_own():
    assert dict(Transport().session.headers) == {}


def test_a_closed_one_is_an_error():
    transport = Transport()
    transport.close()
    with pytest.raises(ChatSDKError, match="closed"):
        transport.session  # noqa: B018


def test_a_session_of_ones_own_is_used_and_not_closed():
    closed = []
    session = requests.Session()
    session.close = lambda: closed.append(True)
    transport = Transport(session)
    assert transport.session is session
    transport.close()
    assert closed == []


def test_pickles_as_a_new_one():
    transport = Transport()
    transport.close()
    assert isinstance(pickle.loads(pickle.dumps(transport)).session, requests.Session)
