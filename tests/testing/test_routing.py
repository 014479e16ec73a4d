from chatsdk.testing.exchange import Headers, Reply, Request
from chatsdk.testing.routing import Routes


def ask(routes, method, path, query=""):
    return routes.answer(Request(method, "http://h/s", path, query, Headers(), b""))


def test_params_are_decoded_and_never_empty():
    routes = Routes()
    routes.add("GET", "/a.b/{name}/c", lambda request: Reply.json(request.params["name"]))
    assert ask(routes, "GET", "/a.b/x%20y/c").body == b'"x y"'
    assert ask(routes, "GET", "/a.b//c").status == 404
    assert ask(routes, "GET", "/a.b/x%2Fy/c").status == 404
    assert ask(routes, "GET", "/axb/x/c").status == 404


def test_405_names_the_first_method_only():
    routes = Routes()
    routes.add("GET", "/a", lambda request: Reply(200))
    routes.add("POST", "/a", lambda request: Reply(201))
    assert ask(routes, "POST", "/a").status == 201
    refused = ask(routes, "PUT", "/a")
    assert (refused.status, refused.headers["allow"]) == (405, "GET")


def test_redirect_needs_a_route():
    routes = Routes()
    routes.add("GET", "/a", lambda request: Reply(200))
    moved = ask(routes, "POST", "/a//", "q=%20")
    assert (moved.status, moved.headers["location"]) == (307, "http://h/s/a?q=%20")
    assert ask(routes, "GET", "/b/").status == 404
