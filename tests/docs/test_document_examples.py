"""The examples of the services' own client documents: only imports and construction are changed."""

import uuid
from typing import Iterator

import pytest

from chatsdk import Client, Service
from chatsdk.chatserver import (
    BadRequestError,
    ChatServer,
    InternalServerError,
    Message,
    MessageRole,
    UnauthorizedError,
)
from chatsdk.testing import LocalServer
from chatsdk.zaguan import APIError, ChatRequest, Message as ZaguanMessage, Zaguan, ZaguanError


@pytest.fixture
def client(server: LocalServer) -> Iterator[ChatServer]:
    client = Client(chatserver=Service(api_key="your-api-key", base_url=server.url("chatserver"))).chatserver
    yield client
    client.close()


@pytest.fixture
def zaguan(server: LocalServer) -> Iterator[Zaguan]:
    given = server.services()["zaguan"]
    with Client(zaguan=Service(base_url=given.base_url, api_key=given.api_key)) as owner:
        yield owner.zaguan


class TestChatServer:
    def test_quick_start(self, client, capsys):
        models = client.list_models()
        print(f"Available models: {[model.id for model in models.data]}")

        messages = [
            Message(role=MessageRole.SYSTEM, content="You are a helpful assistant."),
            Message(role=MessageRole.USER, content="Write a hello world function in Python."),
        ]
        response = client.create_completion(model="claude-3-haiku", messages=messages)
        print(f"Assistant: {response.choices[0].message.content}")
        print(f"Tokens used: {response.usage.total_tokens}")

        first, second, third = capsys.readouterr().out.splitlines()
        assert first.startswith("Available models: ['gemini-2.5-pro@default'")
        assert second == "Assistant: Hello! You said: Write a hello world function in Python."
        assert third == "Tokens used: 0"  # as the real server says

    def test_context_manager(self, server, capsys):
        with Client(
            chatserver=Service(server.url("chatserver"), api_key="your-api-key")
        ).chatserver as client:
            response = client.create_completion(
                model="claude-3-haiku", messages=[{"role": "user", "content": "Hello!"}]
            )
            print(response.choices[0].message.content)
        assert capsys.readouterr().out == "Hello! You said: Hello!\n"
        assert server.requests[-1].headers["Authorization"] == "Bearer your-api-key"

    def test_streaming(self, client, capsys):
        messages = [{"role": "user", "content": "Tell me a story"}]
        print("Streaming response:")
        stream = client.create_completion(model="claude-3-haiku", messages=messages, stream=True)
        for chunk in stream:
            print(chunk, end="", flush=True)
        print("\nSession fingerprint:", stream.metadata.get("system_fingerprint"))

        lines = capsys.readouterr().out.splitlines()
        assert lines[1] == "Hello! You said: Tell me a story"
        assert lines[2].startswith("Session fingerprint: atoms_session_")

    def test_multi_turn_conversation(self, client, server, capsys):
        conversation = [Message(role=MessageRole.USER, content="What is recursion?")]
        response1 = client.create_completion(model="claude-3-haiku", messages=conversation)
        if response1.choices:
            conversation.append(response1.choices[0].message)
            conversation.append(Message(role=MessageRole.USER, content="Can you give me an example?"))
            response2 = client.create_completion(model="claude-3-haiku", messages=conversation)
            print(response2.choices[0].message.content)

        assert capsys.readouterr().out == "Hello! You said: Can you give me an example?\n"
        assert [message["role"] for message in server.requests[-1].json["messages"]] == [
            "user",
            "assistant",
            "user",
        ]

    def test_session_history_and_resume(self, client, server, capsys):
        user_id = "00000000-0000-0000-0000-000000000001"
        first = client.create_completion(
            model="claude-3-haiku",
            messages=[Message(role=MessageRole.USER, content="Draft a project update email.")],
            user=user_id,
        )
        session_id = first.system_fingerprint
        if not session_id:
            raise RuntimeError("ChatServer did not return a session fingerprint")

        # Only the new message, as the document shows it: the call stays possible, the server refuses it.
        with pytest.raises(InternalServerError):
            client.create_completion(
                model="claude-3-haiku",
                messages=[{"role": "user", "content": "Add a bullet list of risks."}],
                stream=True,
                user=user_id,
                session_id=session_id,
            )

        sessions = client.list_sessions(user_id)
        latest = sessions.sessions[0] if sessions.sessions else None
        if latest:
            detail = client.get_session(latest.id, user_id=user_id)
            print(f"Loaded {len(detail.messages)} stored messages")

        assert str(uuid.UUID(session_id)) == session_id
        assert latest.id == session_id
        assert capsys.readouterr().out == "Loaded 2 stored messages\n"
        assert detail.messages[0].content == "Draft a project update email."
        assert server.requests[1].json["messages"] == [
            {"role": "user", "content": "Add a bullet list of risks."}
        ]

    def test_resume_with_the_full_transcript(self, client):
        # The way that README shows instead: nothing is lost.
        user_id = "00000000-0000-0000-0000-000000000001"
        transcript = [Message(role=MessageRole.USER, content="Draft a project update email.")]
        first = client.create_completion("claude-3-haiku", transcript, user=user_id)
        transcript += [first.choices[0].message, "Add a bullet list of risks."]
        session_id = first.system_fingerprint
        stream = client.create_completion(
            "claude-3-haiku", transcript, stream=True, user=user_id, session_id=session_id
        )
        assert "".join(stream) == "Hello! You said: Add a bullet list of risks."
        detail = client.get_session(session_id, user_id=user_id)
        assert [message.message_index for message in detail.messages] == [0, 1, 2, 3]

    def test_platform_administration(self, client, capsys):
        client.add_admin("workos-1", "admin@example.com", "An Admin")

        stats = client.get_platform_stats()
        print(f"Total users: {stats.total_users}")
        print(f"Active users: {stats.active_users}")
        print(f"Total requests: {stats.total_requests}")
        admins = client.list_admins()
        print(f"Platform admins: {admins['count']}")
        audit_log = client.get_audit_log(limit=20)
        for entry in audit_log.entries:
            print(f"[{entry.timestamp}] {entry.action}: {entry.resource}")

        lines = capsys.readouterr().out.splitlines()
        assert lines[:4] == ["Total users: 0", "Active users: 0", "Total requests: 0", "Platform admins: 1"]
        assert lines[4].endswith("] created: platform_admin")
        assert admins["admins"][0]["email"] == "admin@example.com"
        assert client.remove_admin("admin@example.com").status == "success"
        assert client.list_admins()["count"] == 0

    def test_error_handling(self, client, capsys):
        try:
            client.create_completion(model="", messages=[])
        except BadRequestError as e:
            print(f"Bad request: {e.message}")
            print(f"Status code: {e.status_code}")
        except UnauthorizedError as e:
            print(f"Unauthorized: {e.message}")
        except Exception as e:
            print(f"Other error: {e}")
        assert capsys.readouterr().out.splitlines() == [
            "Bad request: messages array must include at least one message",
            "Status code: 400",
        ]

    def test_error_handling_without_rights(self, client, server):
        server.fail("chatserver", 401)
        with pytest.raises(UnauthorizedError, match="Not authenticated") as caught:
            client.list_admins()
        assert caught.value.status_code == 401

    @pytest.mark.parametrize(
        "messages",
        [
            [
                Message(role=MessageRole.SYSTEM, content="You are helpful."),
                Message(role=MessageRole.USER, content="Hello!"),
            ],
            [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": "Hello!"}],
            ["Hi!", "Hello!"],
        ],
        ids=["objects", "dicts", "strings"],
    )
    def test_message_formats(self, client, messages):
        response = client.create_completion(model="claude-3-haiku", messages=messages)
        assert response.choices[0].message.content == "Hello! You said: Hello!"


class TestZaguan:
    REQUEST = ChatRequest(
        model="openai/gpt-4o",
        messages=[
            ZaguanMessage(role="system", content="You are helpful."),
            ZaguanMessage(role="user", content="Hello!"),
        ],
        temperature=0.2,
        max_tokens=100,
        provider_specific_params={"reasoning_effort": "low"},
    )

    def test_chat(self, zaguan, server):
        rid = str(uuid.uuid4())
        response = zaguan.chat(self.REQUEST, request_id=rid)
        assert response.choices[0].message.role == "assistant"
        assert response.choices[0].message.content == "Hello! You said: Hello!"
        assert response.choices[0].finish_reason == "stop"
        usage = response.usage
        assert usage.prompt_tokens + usage.completion_tokens == usage.total_tokens
        assert usage.completion_tokens_details.reasoning_tokens == 0

        sent = server.requests[-1]
        assert sent.headers["X-Request-Id"] == rid
        assert sent.json == {
            "model": "openai/gpt-4o",
            "messages": [
                {"role": "system", "content": "You are helpful."},
                {"role": "user", "content": "Hello!"},
            ],
            "temperature": 0.2,
            "max_tokens": 100,
            "provider_specific_params": {"reasoning_effort": "low"},
            "stream": False,
        }

    def test_chat_stream(self, zaguan, server):
        text = ""
        for chunk in zaguan.chat_stream(self.REQUEST):
            for choice in chunk.choices:
                text += choice.delta.content or ""
        assert text == "Hello! You said: Hello!"
        assert server.requests[-1].json["stream"] is True
        assert self.REQUEST.stream is False

    def test_models(self, zaguan):
        models = zaguan.list_models()
        assert isinstance(models, list)
        assert models[0].id == "openai/gpt-4o-mini"
        assert {model.object for model in models} == {"model"}

    def test_capabilities(self, zaguan):
        by_model = {item.model_id: item for item in zaguan.get_capabilities()}
        assert by_model["openai/gpt-4o"].supports_vision
        assert by_model["openai/gpt-4o"].max_context_tokens == 128000

    def test_balance(self, zaguan):
        balance = zaguan.get_credits_balance()
        assert (balance.credits_remaining, balance.tier, balance.bands) == (1000, "pro", ["A", "B", "C"])
        assert isinstance(balance.reset_date, str)

    def test_errors(self, server):
        with Client(zaguan=Service(server.url("zaguan"), "wrong-key")) as owner:
            try:
                owner.zaguan.chat(self.REQUEST)
            except APIError as e:
                error = e
        assert isinstance(error, ZaguanError)
        assert error.status_code == 401
        assert error.message == "Invalid API key"
        assert error.request_id == server.requests[-1].headers["X-Request-Id"]
