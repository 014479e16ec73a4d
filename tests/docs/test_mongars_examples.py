"""The examples of monGARS's own client document: only imports and construction are changed.

After them, all endpoints that the document lists.
"""

import asyncio
import base64
from datetime import datetime, timezone
from typing import Iterator

import pytest

from chatsdk import Client
from chatsdk.mongars import (
    APIError,
    AuthenticationError,
    ChatRequest,
    MonGARS,
    PeerRegistration,
    PeerTelemetryPayload,
    ProvisionRequest,
    RagContextRequest,
    SuggestRequest,
    TokenResponse,
    UserRegistration,
)
from chatsdk.testing import LocalServer


@pytest.fixture
def client(server: LocalServer) -> Iterator[MonGARS]:
    with Client(mongars=server.url("mongars")) as owner:
        yield owner.mongars


@pytest.fixture
def admin(server: LocalServer) -> Iterator[MonGARS]:
    with Client(mongars=server.services()["mongars"]) as owner:
        yield owner.mongars


class TestQuickStart:
    def test_it(self, server: LocalServer, capsys: pytest.CaptureFixture) -> None:
        client = Client(mongars=server.url("mongars")).mongars
        token = client.login("alice", "secret-password")

        response = client.chat(ChatRequest(message="Hello there!"))
        print(response.response)

        client.close()
        assert isinstance(token, TokenResponse)
        assert capsys.readouterr().out == "Hello! You said: Hello there!\n"
        login, chat = server.requests
        assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert "Authorization" not in login.headers
        assert chat.headers["Authorization"] == f"Bearer {token.access_token}"
        assert chat.json == {"message": "Hello there!"}

    def test_from_asynchronous_code(self, server: LocalServer, capsys: pytest.CaptureFixture) -> None:
        async def main() -> None:
            run = asyncio.get_running_loop().run_in_executor
            with Client(mongars=server.url("mongars")).mongars as client:
                await run(None, client.login, "alice", "secret-password")
                result = await run(None, client.chat, ChatRequest(message="Hi!"))
                print(result.response)

        asyncio.run(main())
        assert capsys.readouterr().out == "Hello! You said: Hi!\n"


class TestErrors:
    def test_a_wrong_login(self, client: MonGARS) -> None:
        with pytest.raises(AuthenticationError, match=r"^HTTP \d+: Invalid credentials \(") as caught:
            client.login("alice", "wrong-password")
        assert isinstance(caught.value, APIError)
        assert caught.value.status_code == 401
        assert caught.value.detail == "Invalid credentials"
        assert client.token is None

    def test_a_call_without_a_login(self, client: MonGARS) -> None:
        with pytest.raises(AuthenticationError, match="Not authenticated"):
            client.chat(ChatRequest(message="Hello there!"))

    def test_a_call_for_administrators(self, client: MonGARS) -> None:
        client.login("alice", "secret-password")
        with pytest.raises(AuthenticationError, match="Admin required") as caught:
            client.list_peers()
        assert caught.value.status_code == 403

    def test_an_expired_token(self) -> None:
        with LocalServer(token_seconds=-1) as server, Client(mongars=server.url("mongars")) as owner:
            owner.mongars.login("alice", "secret-password")
            with pytest.raises(AuthenticationError, match="Signature has expired"):
                owner.mongars.history()

    def test_any_other(self, client: MonGARS) -> None:
        client.login("alice", "secret-password")
        with pytest.raises(APIError, match="message") as caught:
            client.chat(ChatRequest(message=""))
        assert not isinstance(caught.value, AuthenticationError)
        assert caught.value.detail[0]["loc"] == ["body", "message"]


class TestAPICoverage:
    def test_authentication(self, client: MonGARS) -> None:
        registered = client.register_user(UserRegistration(username="carol", password="long-enough"))
        assert (registered.status, registered.is_admin) == ("registered", False)
        client.login("carol", "long-enough")
        assert client.change_password("long-enough", "even-longer").status == "changed"
        client.login("carol", "even-longer")

    def test_conversation(self, client: MonGARS) -> None:
        client.login("alice", "secret-password")
        answer = client.chat(message="Hello there!")
        assert answer.speech_turn.text == answer.response
        (item,) = client.history()
        assert (item.user_id, item.query, item.response) == ("alice", "Hello there!", answer.response)
        assert (item.expires_at - item.timestamp).total_seconds() == 24 * 3600

    def test_review(self, client: MonGARS) -> None:
        client.login("alice", "secret-password")
        found = client.fetch_rag_context(RagContextRequest(query="Where is validation?", max_results=1))
        assert found.enabled
        (reference,) = found
        assert reference.file_path == "api/routes.py"
        assert 0 < reference.score <= 1

    def test_ui_assistance(self, client: MonGARS) -> None:
        client.login("alice", "secret-password")
        found = client.suggest_actions(SuggestRequest(prompt="Please summarize this long text"))
        assert found.actions[0] == "summarize"
        assert found.scores["summarize"] == max(found.scores.values())

    def test_peers(self, admin: MonGARS) -> None:
        peer = PeerRegistration(url="HTTP://Peer.Example:80/")
        assert admin.register_peer(peer).status == "registered"
        assert admin.register_peer(peer).status == "already registered"
        assert admin.list_peers() == ["http://peer.example"]
        assert admin.unregister_peer(url="http://peer.example").count == 0
        assert admin.peer_load().queue_depth == 0

    def test_peer_messages(self, client: MonGARS) -> None:
        client.login("alice", "secret-password")
        # A LocalServer reads JSON in URL-safe base64; a real server, what was encrypted with its secret.
        payload = base64.urlsafe_b64encode(b'{"kind": "task", "id": 7}').decode("ascii")
        for message in (payload, {"payload": payload}):
            receipt = client.send_peer_message(message)
            assert (receipt.status, receipt.data) == ("received", {"kind": "task", "id": 7})
        with pytest.raises(APIError, match="Invalid peer payload"):
            client.send_peer_message("in clear")

    def test_telemetry(self, admin: MonGARS) -> None:
        now = datetime(2025, 10, 7, tzinfo=timezone.utc)
        report = PeerTelemetryPayload("node", concurrency=2, load_factor=0.5, observed_at=now)
        assert admin.publish_peer_telemetry(report).status == "accepted"
        assert report in list(admin.peer_telemetry())

    def test_models(self, admin: MonGARS) -> None:
        configuration = admin.model_configuration()
        assert configuration.active_profile in configuration.available_profiles
        assert "general" in configuration.profile.models
        (status, *_) = admin.provision_models(ProvisionRequest(roles=["general"]))
        assert (status.role, status.name) == ("general", configuration.profile.models["general"].name)

    def test_beside_the_document(self, admin: MonGARS) -> None:
        assert {"alice", "u1", "u2"} <= set(admin.list_users())
        assert admin.health().status == "ok"
        assert admin.ready().status == "ready"
