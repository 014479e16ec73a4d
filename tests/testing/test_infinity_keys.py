import re
import uuid

import pytest

HOOK = {"url": "https://app.example/hook", "events": ["chat.message", "memory.stored"]}


def create(infinity, name="My App"):
    answer = infinity.post("/api-keys", json={"name": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["apiKey"]


def listed(infinity):
    return infinity.get("/api-keys").json()["apiKeys"]


def register(infinity, **fields):
    return infinity.post("/webhooks", json={**HOOK, **fields})


def webhooks(infinity):
    return infinity.get("/webhooks").json()["webhooks"]


class TestWho:
    @pytest.mark.parametrize("headers", [{}, {"X-API-Key": "ia_" + "x" * 43}, {"X-API-Key": ""}])
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/api-keys", None),
            ("POST", "/api-keys", {"name": "x"}),
            ("DELETE", "/api-keys?id=x", None),
            ("GET", "/webhooks", None),
            ("POST", "/webhooks", HOOK),
            ("DELETE", "/webhooks?id=x", None),
        ],
    )
    def test_a_stranger_is_not_signed_in(self, guest, headers, method, path, body):
        answer = guest.send(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "Authentication required"})

    def test_bodies_are_checked_first(self, guest):
        assert guest.post("/api-keys", json={}).status_code == 400
        assert guest.post("/webhooks", json={}).status_code == 400
        assert guest.send("DELETE", "/api-keys").status_code == 400
        assert guest.send("DELETE", "/webhooks?id=").status_code == 400

    def test_a_created_key_opens_the_same_doors(self, infinity, guest):
        guest.headers["X-API-Key"] = create(infinity)["key"]
        other = create(guest, "Other")
        assert [key["name"] for key in listed(infinity)] == ["Other", "My App"]
        assert register(guest).status_code == 200
        assert len(webhooks(infinity)) == 1
        infinity.send("DELETE", f"/api-keys?id={other['id']}")
        guest.headers["X-API-Key"] = other["key"]
        assert guest.get("/api-keys").status_code == 401

    def test_a_created_key_is_its_owner_in_chats(self, infinity, guest):
        assert infinity.chat().json()["rateLimit"]["remaining"] == 49
        key = create(infinity)
        guest.headers["X-API-Key"] = key["key"]
        assert guest.chat().json()["rateLimit"]["remaining"] == 48
        infinity.send("DELETE", f"/api-keys?id={key['id']}")
        guest.session.cookies.clear()
        assert guest.chat().json()["rateLimit"]["remaining"] == 49
        assert guest.session.cookies["infinity_anon_user"].startswith("anon_")


class TestApiKeys:
    def test_create(self, infinity):
        key = create(infinity, "  Café 🎉 ")
        assert set(key) == {"id", "name", "key", "prefix", "createdAt"}
        assert key["name"] == "Café 🎉"
        assert re.fullmatch("ia_[A-Za-z0-9_-]{43}", key["key"])
        assert key["prefix"] == key["key"][:12]
        assert uuid.UUID(key["id"]).version == 4
        assert create(infinity, "Other")["key"] != key["key"]

    def test_list_never_shows_the_key(self, infinity):
        key = create(infinity)
        answer = infinity.get("/api-keys")
        assert key["key"] not in answer.text
        (entry,) = answer.json()["apiKeys"]
        assert set(entry) == {"id", "name", "prefix", "createdAt", "isActive"}
        assert entry["isActive"] is True

    def test_used_keys_have_a_date(self, infinity, guest):
        used = create(infinity, "used")["key"]
        create(infinity, "unused")
        guest.post("/chat", json={"message": "hi"}, headers={"Authorization": f"Bearer {used}"})
        assert ["lastUsed" in key for key in listed(infinity)] == [False, True]

    def test_revoked_keys_stay_in_the_list(self, infinity):
        first, second = create(infinity, "first"), create(infinity, "second")
        answer = infinity.send("DELETE", "/api-keys", params={"id": first["id"]})
        assert answer.json() == {"success": True, "message": "API key revoked"}
        states = {key["id"]: key["isActive"] for key in listed(infinity)}
        assert states == {first["id"]: False, second["id"]: True}

    def test_names_are_used_once(self, infinity):
        key = create(infinity)
        infinity.send("DELETE", f"/api-keys?id={key['id']}")
        answer = infinity.post("/api-keys", json={"name": "My App "})
        assert (answer.status_code, answer.json()) == (500, {"error": "Failed to create API key"})
        assert len(listed(infinity)) == 1

    @pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": None}, {"name": 7}, []])
    def test_needs_a_name(self, infinity, body):
        answer = infinity.post("/api-keys", json=body)
        assert (answer.status_code, answer.json()) == (400, {"error": "API key name is required"})

    def test_bodies_that_crash(self, infinity):
        for path, error in (("/api-keys", "create API key"), ("/webhooks", "register webhook")):
            answer = infinity.post(path, data=b"{")
            assert (answer.status_code, answer.json()) == (500, {"error": f"Failed to {error}"})

    def test_unknown_ids(self, infinity):
        assert infinity.send("DELETE", f"/api-keys?id={uuid.uuid4()}").status_code == 200
        answer = infinity.send("DELETE", "/api-keys?id=not-a-uuid")
        assert (answer.status_code, answer.json()) == (404, {"error": "API key not found"})
        answer = infinity.send("DELETE", "/api-keys")
        assert (answer.status_code, answer.json()) == (400, {"error": "API key ID is required"})


class TestWebhooks:
    def test_register(self, infinity):
        hook = register(infinity).json()["webhook"]
        assert set(hook) == {"id", "url", "events", "secret", "createdAt"}
        assert {name: hook[name] for name in HOOK} == HOOK
        assert re.fullmatch("[A-Za-z0-9_-]{43}", hook["secret"])
        answer = infinity.get("/webhooks")
        assert hook["secret"] not in answer.text
        (entry,) = answer.json()["webhooks"]
        del hook["secret"]
        assert entry == {**hook, "isActive": True, "failureCount": 0}

    def test_oldest_first(self, infinity):
        urls = [f"https://app.example/{number}" for number in range(3)]
        for url in urls:
            register(infinity, url=url)
        assert [hook["url"] for hook in webhooks(infinity)] == urls

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:8000/a?b=c", "https://☕.example", "mailto:a@b.c", "localhost:8000/x"]
    )
    def test_any_scheme_will_do(self, infinity, url):
        assert register(infinity, url=url).status_code == 200

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"url": None}, "Webhook URL is required"),
            ({"url": ""}, "Webhook URL is required"),
            ({"url": "app.example/hook"}, "Invalid webhook URL"),
            ({"url": "/hook"}, "Invalid webhook URL"),
            ({"url": "http://"}, "Invalid webhook URL"),
            ({"url": "https://?a=b"}, "Invalid webhook URL"),
            ({"url": "https://app.example/a b"}, "Invalid webhook URL"),
            ({"events": []}, "At least one event type is required"),
            ({"events": "chat.message"}, "At least one event type is required"),
            ({"events": ["chat.message", "foo", "bar.baz"]}, "Invalid event types: foo, bar.baz"),
            ({"url": "x", "events": ["foo"]}, "Invalid webhook URL"),
        ],
    )
    def test_bad_registrations(self, infinity, fields, error):
        answer = register(infinity, **fields)
        assert (answer.status_code, answer.json()) == (400, {"error": error})
        assert webhooks(infinity) == []

    def test_delete(self, infinity):
        hook = register(infinity).json()["webhook"]
        kept = register(infinity).json()["webhook"]
        answer = infinity.send("DELETE", "/webhooks", params={"id": hook["id"]})
        assert answer.json() == {"success": True, "message": "Webhook deleted"}
        assert [entry["id"] for entry in webhooks(infinity)] == [kept["id"]]
        again = infinity.send("DELETE", "/webhooks", params={"id": hook["id"]})
        assert (again.status_code, again.json()) == (404, {"error": "Webhook not found"})
        missing = infinity.send("DELETE", "/webhooks")
        assert (missing.status_code, missing.json()) == (400, {"error": "Webhook ID is required"})
