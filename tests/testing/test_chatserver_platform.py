import pytest

from .wire import Api

ADMINS = "/api/v1/platform/admins"
AUDIT = "/api/v1/platform/audit"
USER = "00000000-0000-0000-0000-000000000001"
SESSION = "12345678-1234-4123-8123-1234567890ab"


def add(chatserver, email, **fields):
    return chatserver.post(ADMINS, json={"workos_id": "user_1", "email": email, **fields})


def emails(chatserver):
    body = chatserver.get(ADMINS).json()
    assert body["count"] == len(body["admins"])
    return [admin["email"] for admin in body["admins"]]


def entries(chatserver, **query):
    body = chatserver.get(AUDIT, params=query).json()
    assert body["count"] == len(body["entries"])
    return [(entry["action"], entry["metadata"].get("email")) for entry in body["entries"]]


def test_admins(chatserver):
    assert emails(chatserver) == []
    answer = add(chatserver, "a@example.com", name="Ä")
    assert (answer.status_code, answer.json()) == (
        201,
        {"status": "success", "email": "a@example.com"},
    )
    add(chatserver, "b@example.com")
    assert emails(chatserver) == ["b@example.com", "a@example.com"]
    second, first = chatserver.get(ADMINS).json()["admins"]
    assert (first["name"], second["name"]) == ("Ä", None)
    assert first["created_by"] == "user_1"
    assert first["created_at"].endswith("+00:00")
    assert add(chatserver, "a@example.com").status_code == 500
    assert chatserver.send("DELETE", ADMINS + "/a%40example.com").status_code == 200
    assert emails(chatserver) == ["b@example.com"]


@pytest.mark.parametrize(
    ("path", "email"),
    [
        ("a+b@example.com", "a+b@example.com"),
        ("a%2Bb%40example.com", "a+b@example.com"),
        ("a%20b%3F%23%25@example.com", "a b?#%@example.com"),
        ("j%C3%B6rg@example.com", "jörg@example.com"),
    ],
)
def test_removed_admin_is_the_one_in_the_path(chatserver, path, email):
    add(chatserver, email)
    answer = chatserver.send("DELETE", f"{ADMINS}/{path}")
    assert answer.json() == {"status": "success", "email": email}
    assert emails(chatserver) == []


def test_removing_an_unknown_admin_is_no_error(chatserver):
    assert chatserver.send("DELETE", ADMINS + "/nobody").status_code == 200
    assert entries(chatserver) == []


@pytest.mark.parametrize("fields", [{"workos_id": ""}, {"email": ""}])
def test_empty_fields(chatserver, fields):
    answer = add(chatserver, **{"email": "a@example.com", **fields})
    assert answer.status_code == 400
    assert emails(chatserver) == []


def test_audit_log(chatserver):
    add(chatserver, "a@example.com")
    chatserver.send("DELETE", ADMINS + "/a@example.com")
    metadata = {"user_id": USER, "session_id": SESSION}
    chatserver.chat(metadata=metadata)
    chatserver.stream()
    assert entries(chatserver) == [
        ("chat", None),
        ("chat", None),
        ("deleted", "a@example.com"),
        ("created", "a@example.com"),
    ]
    without_user, with_user, removed, _ = chatserver.get(AUDIT).json()["entries"]
    assert without_user["user_id"] is None
    assert (with_user["user_id"], with_user["resource_id"]) == (USER, SESSION)
    assert removed["resource"] == "platform_admin"


def test_audit_pages(chatserver):
    for position in range(5):
        add(chatserver, f"{position}@example.com")
    everything = entries(chatserver)
    pages = [entries(chatserver, limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [entry for page in pages for entry in page] == everything
    body = chatserver.get(AUDIT).json()
    assert (body["limit"], body["offset"]) == (50, 0)


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "offset=-1", "limit=x"])
def test_bad_audit_pages(chatserver, query):
    answer = chatserver.get(f"{AUDIT}?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_stats_count_users(chatserver):
    before = chatserver.get("/api/v1/platform/stats").json()
    chatserver.chat(metadata={"user_id": USER, "session_id": SESSION})
    after = chatserver.get("/api/v1/platform/stats").json()
    assert (before["total_users"], after["total_users"]) == (0, 1)
    assert after["total_requests"] == 0


def test_redirects(chatserver, server, session):
    answer = chatserver.get("/atoms/chat/sessions/", params={"user_id": USER})
    assert answer.status_code == 307
    url = server.url("chatserver")
    assert answer.headers["location"] == f"{url}/atoms/chat/sessions?user_id={USER}"
    followed = Api(session, url, {}).get("/v1/models/", allow_redirects=True)
    assert followed.status_code == 200
