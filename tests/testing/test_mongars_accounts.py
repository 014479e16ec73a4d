import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chatsdk.testing import LocalServer
from chatsdk.testing.mongars import sign

from .mongars import HISTORY, Clock, as_user, token_of
from .wire import Api

REGISTER = "/api/v1/user/register"
CHANGE = "/api/v1/user/change-password"


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def log_in(mongars, username="alice", password="secret-password", **fields):
    return mongars.post("/token", data={"username": username, "password": password, **fields})


def history(mongars, token, user="alice"):
    """A call that needs a token, and nothing else."""
    headers = {} if token is None else {"Authorization": token}
    return Api(mongars.session, mongars.base_url, headers).get(HISTORY, params={"user_id": user})


def decoded(part):
    return base64.urlsafe_b64decode(part + "==")


def problems(answer):
    assert answer.status_code == 422, answer.text
    return [(problem["type"], problem["loc"], problem["input"]) for problem in answer.json()["detail"]]


@pytest.mark.parametrize(
    ("name", "password", "admin"), [("alice", "secret-password", False), ("u1", "x", True)]
)
def test_tokens_are_signed(mongars, name, password, admin):
    answer = log_in(mongars, name, password).json()
    assert answer["token_type"] == "bearer"
    content, _, signature = answer["access_token"].rpartition(".")
    head, claims = (json.loads(decoded(part)) for part in content.split("."))
    assert head["alg"] == "HS256"
    assert (claims["sub"], claims["admin"]) == (name, admin)
    assert isinstance(claims["exp"], float)
    assert claims["exp"] == pytest.approx(time.time() + 3600, abs=60)
    expected = hmac.new(b"local-secret", content.encode(), hashlib.sha256).digest()
    assert decoded(signature) == expected
    assert history(mongars, f"Bearer {answer['access_token']}", name).json() == []


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "nope"), ("nobody", "secret-password"), ("", ""), ("u2", "x")]
)
def test_wrong_login(mongars, name, password):
    answer = log_in(mongars, name, password)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid credentials"})
    assert "www-authenticate" not in answer.headers


def test_login_needs_a_form(mongars):
    missing = [("missing", ["body", name], None) for name in ("username", "password")]
    assert problems(mongars.post("/token", json={"username": "alice", "password": "x"})) == missing
    assert problems(mongars.post("/token")) == missing
    assert problems(mongars.post("/token", data={"username": "alice"})) == missing[1:]


def test_grant_type(mongars):
    assert log_in(mongars, grant_type="password", scope="", client_id="c").status_code == 200
    (problem,) = log_in(mongars, grant_type="refresh_token").json()["detail"]
    assert problem["type"] == "string_pattern_mismatch"
    assert problem["ctx"] == {"pattern": "^password$"}


def test_login_with_json(mongars):
    answer = mongars.post("/api/v1/auth/login", json={"username": "u1", "password": "x"}).json()
    assert (answer["admin"], answer["expires_in"], answer["token_type"]) == (True, 3600, "bearer")
    assert history(mongars, f"Bearer {answer['access_token']}", "u1").status_code == 200
    wrong = mongars.post("/api/v1/auth/login", json={"username": "u1", "password": "bad"})
    assert (wrong.status_code, wrong.json()) == (401, {"detail": "Invalid credentials"})
    long = mongars.post("/api/v1/auth/login", json={"username": "u" * 129, "password": ""})
    assert [kind for kind, _, _ in problems(long)] == ["string_too_long", "string_too_short"]


def test_key_of_the_server_is_a_token_of_u1(mongars, server):
    token = server.services()["mongars"].api_key
    assert history(mongars, f"Bearer {token}", "u1").status_code == 200
    assert history(mongars, f"bearer {token}", "alice").status_code == 403
    assert mongars.get("/api/v1/user/list").json() == {"users": ["alice", "u1", "u2"]}


@pytest.mark.parametrize("header", [None, "", "Basic YWxpY2U6eA==", "local-key"])
def test_no_bearer(mongars, header):
    answer = history(mongars, header)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        ("", "missing subject"),
        ("garbage", "missing subject"),
        ("a.b.c", "missing subject"),
        ("é.ü.ß", "missing subject"),
        (sign(["list"]), "missing subject"),
        (sign({"exp": 9e9}), "missing subject"),
        (sign({"sub": "", "exp": 9e9}), "missing subject"),
        (token_of("alice")[:-4] + "AAAA", "Token verification failed: Signature verification failed."),
        (token_of("alice") + "é", "Token verification failed: Signature verification failed."),
        (token_of("alice", seconds=-1), "Token verification failed: Signature has expired."),
    ],
)
def test_bad_tokens(mongars, token, detail):
    answer = history(mongars, f"Bearer {token}".encode("latin-1"))
    assert (answer.status_code, answer.json()) == (401, {"detail": f"Invalid token: {detail}"})
    assert "www-authenticate" not in answer.headers


def test_a_token_with_another_name_in_it_is_not_valid(mongars):
    head, _, signature = token_of("u2").split(".")
    forged = ".".join([head, token_of("u1", admin=True).split(".")[1], signature])
    answer = history(mongars, f"Bearer {forged}", "u1")
    assert answer.json()["detail"].endswith("Signature verification failed.")


def test_a_token_without_an_end_crashes_the_service(mongars):
    answer = history(mongars, f"Bearer {sign({'sub': 'alice'})}")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("token_seconds", [0, -5, 0.000001])
def test_tokens_that_expire(session, token_seconds):
    with LocalServer(token_seconds=token_seconds) as server:
        mongars = Api(session, server.url("mongars"), {})
        token = log_in(mongars).json()["access_token"]
        answer = history(mongars, f"Bearer {token}")
        assert answer.status_code == 401
        assert answer.json()["detail"].endswith("Signature has expired.")
        lasting = server.services()["mongars"].api_key
        assert history(mongars, f"Bearer {lasting}", "u1").status_code == 200


def test_lifetime_of_tokens(session, clock):
    with LocalServer(token_seconds=90.5) as server:
        mongars = Api(session, server.url("mongars"), {})
        login = {"username": "u2", "password": "y"}
        answer = mongars.post("/api/v1/auth/login", json=login).json()
        assert answer["expires_in"] == 90
        token = f"Bearer {answer['access_token']}"
        clock.move_on(90)
        assert history(mongars, token, "u2").status_code == 200
        clock.move_on(1)
        assert history(mongars, token, "u2").status_code == 401


def test_register(mongars):
    mongars.headers = {}
    answer = mongars.post(REGISTER, json={"username": "  carol  ", "password": "long-enough-pw", "x": 1})
    assert (answer.status_code, answer.json()) == (200, {"status": "registered", "is_admin": False})
    token = log_in(mongars, "carol", "long-enough-pw").json()["access_token"]
    assert history(mongars, f"Bearer {token}", "carol").json() == []
    again = mongars.post(REGISTER, json={"username": "carol", "password": "other-password"})
    assert (again.status_code, again.json()) == (409, {"detail": "Username already exists"})
    assert log_in(mongars, "carol", "other-password").status_code == 401
    names = as_user(mongars, "u1", admin=True).get("/api/v1/user/list").json()
    assert names == {"users": ["alice", "carol", "u1", "u2"]}


def test_one_of_many_registers_a_name(mongars):
    def register(_):
        return mongars.post(REGISTER, json={"username": "dora", "password": "12345678"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(register, range(16))) == [200] + [409] * 15


@pytest.mark.parametrize(
    ("fields", "kind", "message"),
    [
        ({"username": "é"}, "value_error", "may only contain letters, numbers, hyphens, or underscores"),
        ({"username": "a b"}, "value_error", "may only contain letters"),
        ({"username": "  "}, "value_error", "Value error, username cannot be blank"),
        ({"username": ""}, "string_too_short", "at least 1 character"),
        ({"username": "x" * 151}, "string_too_long", "at most 150 characters"),
        ({"username": 7}, "string_type", "valid string"),
        ({"password": "1234567"}, "string_too_short", "at least 8 characters"),
        ({"password": None}, "string_type", "valid string"),
    ],
)
@pytest.mark.parametrize("path", [REGISTER, REGISTER + "/admin"])
def test_bad_registrations(mongars, path, fields, kind, message):
    answer = mongars.post(path, json={"username": "erin", "password": "long-enough-pw", **fields})
    ((name, value),) = fields.items()
    assert problems(answer) == [(kind, ["body", name], value)]
    (problem,) = answer.json()["detail"]
    assert message in problem["msg"]
    if kind == "value_error":
        assert problem["ctx"] == {"error": {}}


@pytest.mark.parametrize("path", [REGISTER + "/admin", "/api/v1/auth/bootstrap-admin"])
def test_nobody_becomes_an_admin(mongars, path):
    answer = mongars.post(path, json={"username": "root3", "password": "long-enough-pw"})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Admin bootstrap is disabled"})


def test_change_password(mongars):
    alice = as_user(mongars, "alice")
    change = {"old_password": "secret-password", "new_password": "another-password"}
    answer = alice.post(CHANGE, json=change)
    assert (answer.status_code, answer.json()) == (200, {"status": "changed"})
    assert log_in(mongars).status_code == 401
    assert log_in(mongars, password="another-password").status_code == 200
    again = alice.post(CHANGE, json=change)
    assert (again.status_code, again.json()) == (403, {"detail": "Incorrect password"})
    gone = as_user(mongars, "deleted").post(CHANGE, json=change)
    assert (gone.status_code, gone.json()) == (404, {"detail": "User not found"})
    short = alice.post(CHANGE, json={"old_password": "x", "new_password": "y"})
    assert [kind for kind, _, _ in problems(short)] == ["string_too_short"] * 2


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /api/v1/user/list",
        "GET /api/v1/models",
        "POST /api/v1/models/provision",
        "POST /api/v1/peer/register",
        "POST /api/v1/peer/unregister",
        "GET /api/v1/peer/list",
        "GET /api/v1/peer/load",
        "POST /api/v1/peer/telemetry",
        "GET /api/v1/peer/telemetry",
    ],
)
def test_what_is_for_admins_only(mongars, request_line):
    answer = as_user(mongars, "alice").send(*request_line.split())
    assert (answer.status_code, answer.json()) == (403, {"detail": "Admin required"})
    mongars.headers = {}
    assert mongars.send(*request_line.split()).status_code == 401


def test_a_broken_body_is_seen_before_the_token(mongars):
    mongars.headers = {}
    kinds = [kind for kind, _, _ in problems(mongars.post("/api/v1/ui/suggestions", data=b"{bad"))]
    assert kinds == ["json_invalid"]
    assert mongars.post("/api/v1/ui/suggestions", data=b"\xff\xfe{").status_code == 400
    assert mongars.post("/api/v1/ui/suggestions", data=b"").status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/ready", "/llm/health"])
def test_health_needs_no_token(mongars, path):
    mongars.headers = {}
    assert mongars.get(path).json()["status"] in ("ok", "ready", "healthy")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 429, 502, 503, 504])
def test_planned_failures_are_the_service_s_own(mongars, server, status):
    server.fail("mongars", status)
    answer = mongars.get("/healthz")
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert "retry-after" not in answer.headers
    assert mongars.get("/healthz").status_code == 200
