import json

from chatsdk.testing.chat import ChatInfo, ChatModel
from chatsdk.testing.collection import Collection
from chatsdk.testing.exchange import Headers, HTTPError, Reply, Request, WebSocketStream
from chatsdk.testing.routing import FakeService, route
from chatsdk.testing.validation import Param

MESSAGES = {418: "I am a teapot"}


class Rules(FakeService):
    def __init__(self, model=None):
        super().__init__(model)
        self.rules = Collection("Rule {id} not found")

    @route("POST", "/rules", status=201, body=[Param("name", max=5)])
    def create(self, request):
        return self.rules.add({"name": request.fields["name"], "owner": request.user})

    @route("GET", "/rules", query=[Param("name", default=None), Param("limit", int, 10, min=1)])
    def list_all(self, request):
        return self.rules.list(newest_first=True, name=request.params["name"])[: request.params["limit"]]

    @route("GET", "/rules/{rule_id}")
    def show(self, request):
        return self.rules.get(request.params["rule_id"])

    @route("PATCH", "/rules/{rule_id}", body=[Param("name", default=None)])
    def update(self, request):
        return self.rules.update(request.params["rule_id"], request.fields)

    @route("DELETE", "/rules/{rule_id}", status=204)
    def delete(self, request):
        self.rules.remove(request.params["rule_id"])


class Service(Rules):
    name = "service"
    error_messages = MESSAGES

    def authorize(self, request, access):
        if access == "admin" or not request.bearer_token:
            raise HTTPError(401, headers={"www-authenticate": "Bearer"})
        return request.bearer_token

    @route("GET", "/teapot", access="admin")
    def admin(self, request):
        raise AssertionError("not reached")

    @route("GET", "/details")
    def details(self, request):
        raise HTTPError(418, hint="coffee")

    @route("GET", "/chat", locked=False)
    def chat(self, request):
        assert not self.lock._is_owned()
        return {"text": self.model.answer([], ChatInfo(self.name)).text}

    @route("GET", "/locked")
    def is_locked(self, request):
        return self.lock._is_owned()

    @route("WEBSOCKET", "/live/{name}")
    def live(self, request):
        return WebSocketStream(iter([(0.0, request.params["name"])]))


def ask(service, method, target, body=None, **headers):
    headers = {"Authorization": "Bearer me", **headers}
    content = b"" if body is None else json.dumps(body).encode()
    return service.answer(Request.parse(method, target, Headers(headers.items()), content))


def decoded(reply):
    return reply.status, json.loads(reply.body) if reply.body else None


def test_a_collection_behind_routes():
    service = Service()
    status, rule = decoded(ask(service, "POST", "/rules", {"name": "one", "more": 1}))
    assert (status, rule) == (201, {"id": rule["id"], "name": "one", "owner": "me"})
    _, other = decoded(ask(service, "POST", "/rules", {"name": "two"}))
    assert decoded(ask(service, "GET", "/rules?limit=5")) == (200, [other, rule])
    assert decoded(ask(service, "GET", "/rules?limit=1")) == (200, [other])
    assert decoded(ask(service, "GET", "/rules?name=one")) == (200, [rule])
    path = f"/rules/{rule['id']}"
    assert decoded(ask(service, "GET", path)) == (200, rule)
    assert decoded(ask(service, "PATCH", path, {"name": None})) == (200, rule)
    assert decoded(ask(service, "PATCH", path, {"name": "new"})) == (200, {**rule, "name": "new"})
    assert decoded(ask(service, "DELETE", path)) == (204, None)
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert decoded(ask(service, method, path, body)) == (404, {"detail": f"Rule {rule['id']} not found"})


def test_paths_and_methods():
    service = Service()
    for target in ("/", "/nope", "/rules/", "/rules/a/b", "/live/x"):
        assert decoded(ask(service, "GET", target)) == (404, {"detail": "Not Found"})
    reply = ask(service, "PUT", "/rules")
    assert decoded(reply) == (405, {"detail": "Method Not Allowed"})
    assert reply.headers["allow"] == "POST"
    assert decoded(ask(service, "GET", "/rules/a%20%C3%A9")) == (404, {"detail": "Rule a é not found"})


def test_parameters_are_checked_together():
    service = Service()
    status, body = decoded(ask(service, "GET", "/rules?limit=0"))
    assert status == 422
    assert [problem["loc"] for problem in body["detail"]] == [["query", "limit"]]
    for sent, kind in (({}, "missing"), ({"name": 5}, "string_type"), ({"name": "n" * 6}, "string_too_long")):
        status, body = decoded(ask(service, "POST", "/rules", sent))
        assert (status, [problem["type"] for problem in body["detail"]]) == (422, [kind])


def test_errors():
    service = Service()
    reply = ask(service, "GET", "/teapot")
    assert decoded(reply) == (401, {"detail": "Unauthorized"})
    assert reply.headers["www-authenticate"] == "Bearer"
    assert decoded(ask(service, "POST", "/rules", {"bad": 1}, Authorization="")) == (
        401,
        {"detail": "Unauthorized"},
    )
    assert decoded(ask(service, "GET", "/details")) == (418, {"detail": "I am a teapot", "hint": "coffee"})


def test_chats_run_without_the_lock():
    service = Service(ChatModel(lambda messages: "hi"))
    assert decoded(ask(service, "GET", "/locked")) == (200, True)
    assert decoded(ask(service, "GET", "/chat")) == (200, {"text": "hi"})
    service.model.down.add("service")
    assert decoded(ask(service, "GET", "/chat")) == (503, {"detail": "The model is not available"})


def test_websockets():
    service = Service()
    upgrade = {"Connection": "keep-alive, UPGRADE", "Upgrade": "websocket"}
    answer = ask(service, "GET", "/live/x", **upgrade)
    assert isinstance(answer, WebSocketStream)
    assert list(answer.messages) == [(0.0, "x")]
    refused = ask(service, "GET", "/rules", **upgrade)
    assert isinstance(refused, Reply)
    assert refused.status == 403
