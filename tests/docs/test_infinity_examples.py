"""The examples of Infinity Assistant's own client documents: only imports and construction are changed."""

import asyncio
import hashlib
import hmac
import json
from functools import partial
from typing import Iterator

import pytest

from chatsdk import Client, Service
from chatsdk.infinity import (
    Infinity,
    InfinityAssistantError,
    InfinityAssistantRateLimitError,
    verify_webhook_signature,
)
from chatsdk.testing import LocalServer


@pytest.fixture
def client(server: LocalServer) -> Iterator[Infinity]:
    given = server.services()["infinity"]
    with Client(infinity=Service(base_url=given.base_url, api_key=given.api_key)) as owner:
        yield owner.infinity


class TestAsTheDocumentsShow:
    def test_basic_usage(self, server, capsys):
        client = Client(
            infinity=Service(api_key="ia_your_api_key_here", base_url=server.url("infinity"))
        ).infinity
        response = client.chat(
            message="Hello!",
        )

        print(response["response"])

        assert capsys.readouterr().out == "Hello! You said: Hello!\n"
        sent = server.requests[-1]
        assert (sent.path, sent.headers["X-API-Key"]) == ("/chat", "ia_your_api_key_here")
        client.close()

    def test_async_usage(self, client, capsys):
        """The library is synchronous: a call in a thread."""

        async def main():
            ask = partial(client.chat, message="Hello!")
            response = await asyncio.get_running_loop().run_in_executor(None, ask)
            print(response["response"])

        asyncio.run(main())
        assert capsys.readouterr().out == "Hello! You said: Hello!\n"

    def test_streaming(self, client, server, capsys):
        for chunk in client.chat_stream(message="Tell me a story"):
            if chunk["type"] == "text":
                print(chunk["content"], end="", flush=True)
        assert capsys.readouterr().out == "Hello! You said: Tell me a story"
        assert server.requests[-1].path == "/chat/stream"

    @pytest.mark.parametrize(
        ("status", "line"),
        [(429, "Rate limit exceeded"), (500, "API Error: "), (401, "API Error: "), (504, "API Error: ")],
    )
    def test_error_handling(self, client, server, capsys, status, line):
        server.fail("infinity", status)
        try:
            client.chat(message="Hello")
        except InfinityAssistantRateLimitError:
            print("Rate limit exceeded")
        except InfinityAssistantError as e:
            print(f"API Error: {e.message}")
        shown = capsys.readouterr().out.rstrip("\n")
        assert shown.startswith(line)
        assert len(shown) > len("API Error: ")
        assert len(server.requests) == 1


class TestEveryMethod:
    """What the documents name without an example, in the spelling of the earlier client."""

    def test_chat_with_all_names(self, client, server):
        first = client.chat(message="Hello!", userId="u1", mode="assist", preferences={"role": "developer"})
        second = client.chat(message="And now?", conversationId=first["conversationId"], userId="u1")
        assert second["conversationId"] == first["conversationId"]
        assert first["success"] is True
        assert server.requests[-1].json == {
            "message": "And now?",
            "conversationId": first["conversationId"],
            "userId": "u1",
        }

    def test_stream_of_all_types(self, client):
        types = [chunk["type"] for chunk in client.chat_stream(message="Remember this: I like tea")]
        assert set(types) == {"metadata", "text", "done"}
        assert types[-1] == "done"

    def test_search_knowledge(self, client):
        found = client.search_knowledge(query="python", limit=5, filters={"type": "pattern"})
        assert found["results"]
        assert {item["type"] for item in found["results"]} == {"pattern"}
        assert all(item["title"] and item["content"] for item in found["results"])
        assert found["total"] >= len(found["results"])

    def test_memory(self, client):
        preference = {"theme": "dark", "languages": ["de", "ö"], "none": None}
        assert client.store_memory("user_preference", preference)["stored"] is True
        found = client.retrieve_memory("user_preference")
        assert (found["found"], found["value"]) == (True, preference)
        client.store_memory("user_preference", "light")
        assert client.retrieve_memory(key="user_preference")["value"] == "light"
        assert client.retrieve_memory("never stored")["found"] is False

    def test_memory_with_an_expiry(self, client, server):
        with pytest.raises(InfinityAssistantError, match="ttl"):
            client.store_memory("user_preference", {"theme": "dark"}, ttl=3600)
        assert server.requests == []

    def test_research(self, client, server):
        found = client.research(query="latest developments in Python", depth="deep", sources=5)
        assert found["success"] is True
        assert found["summary"]
        assert found["results"] == found.result.findings
        assert server.requests[-1].json == {
            "topic": "latest developments in Python",
            "mode": "deep",
            "maxSources": 5,
        }

    def test_api_keys(self, client, server):
        made = client.create_api_key("My App")
        with Client(infinity=Service(server.url("infinity"), made["key"])) as other:
            other.infinity.chat(message="Hi")
        (listed,) = [key for key in client.list_api_keys() if key["id"] == made["id"]]
        assert (listed["name"], listed["prefix"], listed["isActive"]) == ("My App", made["key"][:12], True)
        assert listed["lastUsed"] is not None
        assert client.delete_api_key(made["id"])["success"] is True
        (listed,) = [key for key in client.list_api_keys() if key["id"] == made["id"]]
        assert listed["isActive"] is False

    def test_webhooks(self, client):
        made = client.create_webhook("https://your-app.example/webhooks", ["chat.message"])
        (listed,) = client.list_webhooks()
        assert (listed["id"], listed["events"], listed["failureCount"]) == (made["id"], ["chat.message"], 0)

        data = {"message": "Hello!"}
        text = json.dumps(data, separators=(",", ":"))
        signature = hmac.new(made["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
        body = json.dumps({"event": "chat.message", "timestamp": "2026-11-20T09:36:29.868Z", "data": data})
        assert verify_webhook_signature(body.encode(), signature, made["secret"])
        assert not verify_webhook_signature(body.replace("Hello", "Bye"), signature, made["secret"])

        assert client.delete_webhook(made["id"])["success"] is True
        assert client.list_webhooks() == []

    def test_health(self, client):
        assert client.health()["status"] == "healthy"

    def test_a_key_at_run_time(self, client, server):
        client.set_api_key("ia_other")
        assert client.get_api_key() == "ia_other"
        client.chat(message="Hi")
        assert server.requests[-1].headers["X-API-Key"] == "ia_other"

    def test_the_quota(self):
        with LocalServer(daily_limit=2) as server, Client(**server.services()) as client:
            left = [client.infinity.chat(message="Hi").rate_limit.remaining for _ in range(2)]
            with pytest.raises(InfinityAssistantRateLimitError) as caught:
                client.infinity.chat(message="Hi")
            assert left == [1, 0]
            assert caught.value.reset_at.tzinfo is not None
            assert server.errors == []

    def test_one_client_is_one_person(self, server):
        address = server.url("infinity")
        with Client(infinity=address) as one, Client(infinity=address) as other:
            one.infinity.chat(message="Hi")
            assert one.infinity.chat(message="Hi").rate_limit.remaining == 48
            assert other.infinity.chat(message="Hi").rate_limit.remaining == 49
