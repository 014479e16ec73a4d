"""ChatServer."""

import re

from chatsdk.chatserver import ChatServerError

BASE = ChatServerError
SPEAKS_OPENAI = True

OFFERED = {
    "POST /v1/chat/completions",
    "GET /v1/models",
    "GET /atoms/chat/sessions",
    "GET /atoms/chat/sessions/{id}",
    "GET /api/v1/platform/stats",
    "GET /api/v1/platform/admins",
    "POST /api/v1/platform/admins",
    "DELETE /api/v1/platform/admins/{id}",
    "GET /api/v1/platform/audit",
}
WITHOUT_METHOD = {
    # Its tool servers, its own health, routes that do not exist.
    "GET /atoms/mcp",
    "POST /atoms/mcp",
    "PUT /atoms/mcp/{id}",
    "DELETE /atoms/mcp/{id}",
    "GET /health",
    "GET /v1/nope",
    # The wrong method, the address left out.
    "GET /v1/chat/completions",
    "DELETE /api/v1/platform/admins",
}
_WITH_ID = re.compile(r"^(/atoms/chat/sessions|/api/v1/platform/admins|/atoms/mcp)/.+$")

KNOWN_EXTRAS = set()

DEFAULTS = {
    "GET /atoms/chat/sessions": {"user_id", "page", "page_size"},
    "GET /atoms/chat/sessions/{id}": {"user_id"},
    "GET /api/v1/platform/audit": {"limit", "offset"},
}
NOT_SENDABLE = {
    "completion_extra_fields_ignored": {"n", "tools"},
    "v422_metadata_list": {"metadata"},
}


def endpoint(recording):
    return recording.method + " " + _WITH_ID.sub(r"\1/{id}", recording.path)


def call(service, recording):
    query = recording.request["query"]
    body = recording.json or {}
    endpoint = recording.endpoint
    if endpoint == "POST /v1/chat/completions":
        known = ("temperature", "max_tokens", "top_p", "user", "system_prompt", "metadata")
        settings = {name: body.get(name) for name in known}
        return service.create_completion(
            body.get("model", ""), body.get("messages", []), stream=recording.asks_for_stream, **settings
        )
    if endpoint == "GET /atoms/chat/sessions":
        return service.list_sessions(**{"user_id": "", **query})
    if endpoint == "GET /atoms/chat/sessions/{id}":
        return service.get_session(*recording.ids, user_id=query.get("user_id", ""))
    if endpoint == "DELETE /api/v1/platform/admins/{id}":
        return service.remove_admin(*recording.ids)
    if endpoint == "POST /api/v1/platform/admins":
        return service.add_admin(**{"workos_id": "", "email": "", **body})
    if endpoint == "GET /api/v1/platform/audit":
        return service.get_audit_log(**query)
    return {
        "GET /v1/models": service.list_models,
        "GET /api/v1/platform/stats": service.get_platform_stats,
        "GET /api/v1/platform/admins": service.list_admins,
    }[endpoint]()


def listed(recording):
    return recording.decoded
