"""The public call that makes a recorded request."""

from chatsdk import Client, Service


def service_at(recording, base_url):
    """A namespace of a Client of its own, which sends nothing twice."""
    settings = Service(base_url, api_key="sk-recorded", max_retries=0, timeout=5.0)
    return getattr(Client(**{recording.service: settings}), recording.service)


def call(service, recording):
    """Make the call; of a stream return the Stream, its events unread."""
    if not recording.offered:
        return other(service, recording)
    return (zaguan if recording.service == "zaguan" else chatserver)(service, recording)


def other(service, recording):
    """The escape hatch, for endpoints without a method."""
    request = recording.request
    upload = {}
    if request.get("files"):
        upload = {"data": request["form"], "files": {"file": ("a.wav", b"RIFF", "audio/wav")}}
    return service.request(
        request["method"], request["path"], params=request["query"], json=recording.json, **upload
    )


def request_id(recording):
    return recording.request["headers"].get("X-Request-Id")


def zaguan(service, recording):
    query = recording.request["query"]
    path = recording.endpoint.split(" ")[1]
    if path.endswith("/chat/completions"):
        fields = {"model": "a model", "messages": ["a question"], **(recording.json or {})}
        method = service.chat_stream if recording.asks_for_stream else service.chat
        return method(fields, request_id(recording))
    if path == "/v1/credits/history":
        limit = int(query["limit"]) if "limit" in query else None
        return service.get_credits_history(limit, request_id=request_id(recording))
    if path == "/v1/credits/stats":
        return service.get_credits_stats(**query, request_id=request_id(recording))
    return {
        "/v1/models": service.list_models,
        "/v1/capabilities": service.get_capabilities,
        "/v1/credits/balance": service.get_credits_balance,
        "/health": service.health_check,
    }[path](request_id=request_id(recording))


def chatserver(service, recording):
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
        return service.get_session(recording.last_part, user_id=query.get("user_id", ""))
    if endpoint == "DELETE /api/v1/platform/admins/{id}":
        return service.remove_admin(recording.last_part)
    if endpoint == "POST /api/v1/platform/admins":
        return service.add_admin(**{"workos_id": "", "email": "", **body})
    if endpoint == "GET /api/v1/platform/audit":
        return service.get_audit_log(**query)
    return {
        "GET /v1/models": service.list_models,
        "GET /api/v1/platform/stats": service.get_platform_stats,
        "GET /api/v1/platform/admins": service.list_admins,
    }[endpoint]()
