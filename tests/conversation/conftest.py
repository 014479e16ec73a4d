"""A stand-in and its Client, and conversations with each of the chat services."""

from uuid import UUID

import pytest

from chatsdk import Client, Conversation
from chatsdk.testing import LocalServer

USER = str(UUID(int=7))
MODELS = {"zaguan": "openai/gpt-4o-mini", "chatserver": "claude-haiku-4-5@20251001"}
SERVICES = ["zaguan", "chatserver", "infinity", "mongars"]


@pytest.fixture
def server():
    with LocalServer() as server:
        yield server
    assert server.errors == []


@pytest.fixture
def client(server):
    with Client(**server.services(), max_retries=0) as client:
        yield client


@pytest.fixture
def talk_with(client):
    """Make a conversation with a service of the stand-in."""

    def make(service, **settings):
        if service in MODELS:
            settings.setdefault("model", MODELS[service])
        return Conversation(getattr(client, service), **settings)

    return make


def bodies(server, service=None):
    """The chats that a stand-in was asked for."""
    return [request.json for request in server.requests if service in (None, request.service)]
