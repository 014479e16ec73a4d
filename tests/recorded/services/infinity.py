"""Infinity Assistant."""

from chatsdk import infinity

BASE = infinity.InfinityAssistantError
OWN_ERRORS = {429: infinity.InfinityAssistantRateLimitError}
BASE_PATH = "/api"

OFFERED = {
    "POST /api/chat",
    "POST /api/chat/stream",
    "POST /api/search",
    "POST /api/memory",
    "GET /api/memory",
    "POST /api/research",
    "GET /api/api-keys",
    "POST /api/api-keys",
    "DELETE /api/api-keys",
    "GET /api/webhooks",
    "POST /api/webhooks",
    "DELETE /api/webhooks",
    "GET /api/health",
}
WITHOUT_METHOD = {
    # Named by its documents or by its website.
    "GET /api/chat",
    "GET /api/search",
    "POST /api/search/agent",
    "GET /api/research",
    "DELETE /api/memory",
    "GET /api/memory/export",
    "GET /api/memory/local",
    "POST /api/memory/local",
    "GET /api/v2/memory",
    "POST /api/v2/memory",
    "GET /api/knowledge",
    "GET /api/knowledge/gap",
    "POST /api/knowledge/gap",
    "POST /api/knowledge/context",
    "POST /api/knowledge/connect",
    "POST /api/knowledge/needs-research",
    "GET /api/auth/email",
    "POST /api/auth/email",
    "DELETE /api/auth/email",
    "GET /api/user/preferences",
    "POST /api/user/preferences",
    "GET /api/user/usage",
    "GET /api/analytics/knowledge",
    "GET /api/analytics/usage",
    "GET /api/export/conversations",
    "GET /api/export/usage",
    "POST /api/feedback",
    # What other clients ask for, and the server has not.
    "POST /api/knowledge/search",
    "POST /api/knowledge",
    "POST /api/memory/store",
    "GET /api/memory/retrieve",
    "GET /api/nope",
    # The wrong method.
    "PUT /api/chat",
    "OPTIONS /api/chat",
    "GET /api/chat/stream",
    "OPTIONS /api/knowledge",
}

KNOWN_EXTRAS = set()

# Methods do not send these calls without an id; a value goes out as JSON text.
DEFAULTS = {
    "POST /api/memory": {"content"},
    "GET /api/memory": {"conversationId"},
    "DELETE /api/api-keys": {"id"},
    "DELETE /api/webhooks": {"id"},
}
NOT_SENDABLE = {
    "search_ok_sdk_body": {"filters"},  # they go out beside the other fields
    # Texts that are no JSON, or JSON with spaces in it; the server's own word for what was stored.
    "memory_post_ok_default_type": {"content"},
    "memory_kv_mapping_store": {"content", "type"},
}
_LISTS = {"GET /api/api-keys": "apiKeys", "GET /api/webhooks": "webhooks"}
_OBJECTS = {"POST /api/api-keys": "apiKey", "POST /api/webhooks": "webhook"}


def endpoint(recording):
    return f"{recording.method} {recording.path}"


def asks_for_stream(recording):
    return recording.endpoint == "POST /api/chat/stream"


def secrets(recording):
    body = recording.json if isinstance(recording.json, dict) else {}
    return [body["password"]] if "password" in body else []


def call(service, recording):
    skipped = NOT_SENDABLE.get(recording.name, ())
    body = {name: value for name, value in (recording.json or {}).items() if name not in skipped}
    query = recording.request["query"]
    calls = {
        "POST /api/chat": lambda: service.chat({"message": "a message", **body}),
        "POST /api/chat/stream": lambda: service.chat_stream({"message": "a message", **body}),
        "POST /api/search": lambda: service.search_knowledge({"query": "a query", **body}),
        "POST /api/memory": lambda: service.store_memory(
            body.get("conversationId", "a key"), body.get("content", "a value")
        ),
        "GET /api/memory": lambda: service.retrieve_memory(query.get("conversationId", "a key")),
        "POST /api/research": lambda: service.research(body or {"topic": "a topic"}),
        "GET /api/api-keys": service.list_api_keys,
        "POST /api/api-keys": lambda: service.create_api_key(body.get("name", "a name")),
        "DELETE /api/api-keys": lambda: service.delete_api_key(query.get("id", "an id")),
        "GET /api/webhooks": service.list_webhooks,
        "POST /api/webhooks": lambda: service.create_webhook(
            body.get("url", "a URL"), body.get("events", [])
        ),
        "DELETE /api/webhooks": lambda: service.delete_webhook(query.get("id", "an id")),
        "GET /api/health": service.health,
    }
    return calls[recording.endpoint]()


def listed(recording):
    """Lists and new objects come back as what is inside; what a search found as one list."""
    body = recording.decoded
    inner = _LISTS.get(recording.endpoint) or _OBJECTS.get(recording.endpoint)
    if inner:
        return body[inner]
    if recording.endpoint == "POST /api/search":
        results = body["results"]
        patterns = [
            {**pattern, "title": pattern["name"], "content": pattern["description"]}
            for pattern in results["patterns"]
        ]
        for pattern in patterns:
            del pattern["name"], pattern["description"]
        groups = {"wisdom": results["wisdom"], "pattern": patterns, "gotcha": results["gotchas"]}
        found = [{"type": name, **item} for name, items in groups.items() for item in items]
        assert set(results) == {"wisdom", "patterns", "gotchas"}
        return {**body, "results": found, "total": body["counts"]["total"]}
    return body
