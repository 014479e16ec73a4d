"""Saved conversations: whole or not at all, and read again on every service."""

import json
import os
from uuid import UUID

import pytest

from chatsdk import Conversation
from chatsdk.conversation import ConversationError
from tests.support.cases import for_each

from .conftest import SERVICES, USER, bodies


@for_each(SERVICES)
def test_a_saved_talk_goes_on(service, server, client, talk_with, tmp_path):
    settings = {} if service == "mongars" else {"system": "Be brief.", "user": USER}
    talk = talk_with(service, **settings)
    talk.say("Grüße 😀\u2028")
    path = tmp_path / f"{service}.json"
    talk.save(path)
    text = path.read_text(encoding="utf-8")
    assert "Grüße 😀" in text
    assert server.services()[service].api_key not in text
    assert json.loads(text)["version"] == 1
    again = Conversation.load(str(path), getattr(client, service))
    assert (again.messages, again.model) == (talk.messages, talk.model)
    assert again.usage == talk.usage
    again.say("two")
    assert [item["content"] for item in again.messages[-2:]] == ["two", "Hello! You said: two"]
    _, second = bodies(server, service)
    if service in ("zaguan", "chatserver"):
        assert second["messages"] == [*talk.messages, {"role": "user", "content": "two"}]
        # The saved session may have gone on since: the loaded one begins another.
        assert service == "zaguan" or again.id != talk.id
    else:
        assert again.id == talk.id
        assert talk.id in second.values()


def test_settings_of_a_loaded_talk(server, client, talk_with, tmp_path):
    talk = talk_with("zaguan", system="Be brief.")
    talk.say("one")
    talk.save(tmp_path / "talk.json")
    again = Conversation.load(
        tmp_path / "talk.json", client.zaguan, model="openai/gpt-4o", system="Be long.", temperature=0
    )
    again.say("two")
    sent = bodies(server)[-1]
    assert (sent["model"], sent["temperature"]) == ("openai/gpt-4o", 0)
    assert [item["content"] for item in sent["messages"]] == [
        "Be long.",
        "one",
        "Hello! You said: one",
        "two",
    ]


def test_files_that_are_no_saved_talk(client, talk_with, tmp_path):
    talk = talk_with("zaguan")
    talk.say("secret")
    path = tmp_path / "talk.json"
    talk.save(path)
    whole = path.read_bytes()
    saved = json.loads(whole.decode("utf-8"))
    wrong = [whole[:size] for size in range(0, len(whole), 40)]
    wrong += [b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100000, b'{"messages": []}']
    wrong += [
        json.dumps({**saved, name: value}).encode()
        for name, value in (
            ("messages", 5),
            ("messages", ["x"]),
            ("messages", [{}]),
            ("messages", [{"role": "system"}]),
        )
    ]
    for data in wrong:
        path.write_bytes(data)
        with pytest.raises(ConversationError, match="not a saved conversation") as caught:
            Conversation.load(path, client.zaguan)
        assert "secret" not in str(caught.value)
    for changes, words in (
        ({"version": 2}, "'version': 2"),
        ({"format": "other"}, "'format': 'other'"),
        ({"service": "chatserver"}, "'service': 'chatserver'"),
    ):
        path.write_text(json.dumps({**saved, **changes}))
        with pytest.raises(ConversationError, match=words):
            Conversation.load(path, client.zaguan)
    with pytest.raises(FileNotFoundError):
        Conversation.load(tmp_path / "missing.json", client.zaguan)


def test_the_user_as_a_uuid(client, talk_with, tmp_path):
    talk = talk_with("chatserver", user=UUID(USER))
    talk.say("one")
    talk.save(tmp_path / "talk.json")
    assert Conversation.load(tmp_path / "talk.json", client.chatserver).messages == talk.messages


def test_a_failure_leaves_the_file_as_it_was(talk_with, tmp_path, monkeypatch):
    talk = talk_with("zaguan")
    path = tmp_path / "talk.json"
    talk.save(path)
    before = path.read_bytes()
    talk.say("one")

    def fail(*args):
        raise OSError("the disk is full")

    path.chmod(0o600)
    talk.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        talk.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["talk.json"]
