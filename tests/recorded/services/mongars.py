"""monGARS."""

from chatsdk import mongars

BASE = mongars.MonGARSError
OWN_ERRORS = {401: mongars.AuthenticationError, 403: mongars.AuthenticationError}

OFFERED = {
    "POST /token",
    "POST /api/v1/user/register",
    "POST /api/v1/user/change-password",
    "GET /api/v1/user/list",
    "POST /api/v1/conversation/chat",
    "GET /api/v1/conversation/history",
    "POST /api/v1/review/rag-context",
    "POST /api/v1/ui/suggestions",
    "POST /api/v1/peer/message",
    "POST /api/v1/peer/register",
    "POST /api/v1/peer/unregister",
    "GET /api/v1/peer/list",
    "GET /api/v1/peer/load",
    "POST /api/v1/peer/telemetry",
    "GET /api/v1/peer/telemetry",
    "GET /api/v1/models",
    "POST /api/v1/models/provision",
    "GET /healthz",
    "GET /ready",
}
WITHOUT_METHOD = {
    # What its web pages use, and its own web site.
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/bootstrap-admin",
    "POST /api/v1/user/register/admin",
    "POST /llm/chat",
    "GET /llm/health",
    "POST /api/v1/auth/ws/ticket",
    "GET /ws/chat",
    "GET /metrics",
    "GET /",
    "GET /api/v1/nope",
    # The wrong method.
    "GET /token",
    "GET /api/v1/conversation/chat",
}

KNOWN_EXTRAS = set()

DEFAULTS = {
    "GET /api/v1/conversation/history": {"user_id", "limit"},
    "POST /api/v1/models/provision": {"force"},
}
NOT_SENDABLE = {
    "token_ok_admin": {"grant_type", "scope"},
}
_PASSWORDS = ("password", "old_password", "new_password")


def endpoint(recording):
    return recording.method + " " + recording.path


def _told(recording):
    return recording.json if isinstance(recording.json, dict) else recording.request.get("form") or {}


def secrets(recording):
    return [value for name, value in _told(recording).items() if name in _PASSWORDS and value]


def call(service, recording):
    query = recording.request["query"]
    body = _told(recording)
    endpoint = recording.endpoint
    if endpoint == "POST /token":
        return service.login(body.get("username", ""), body.get("password", ""))
    if endpoint == "POST /api/v1/user/register":
        return service.register_user({"username": "", "password": "", **body})
    if endpoint == "POST /api/v1/user/change-password":
        return service.change_password(**body)
    if endpoint == "POST /api/v1/conversation/chat":
        return service.chat({"message": "", **body})
    if endpoint == "GET /api/v1/conversation/history":
        return service.history(**{"user_id": "", **query})
    if endpoint == "POST /api/v1/review/rag-context":
        return service.fetch_rag_context(body)
    if endpoint == "POST /api/v1/ui/suggestions":
        return service.suggest_actions(body)
    if endpoint == "POST /api/v1/peer/message":
        payload = body.get("payload")
        return service.send_peer_message(payload if isinstance(payload, str) else "no text at all")
    if endpoint == "POST /api/v1/peer/register":
        return service.register_peer({"url": "", **body})
    if endpoint == "POST /api/v1/peer/unregister":
        return service.unregister_peer(body)
    if endpoint == "POST /api/v1/peer/telemetry":
        return service.publish_peer_telemetry(body)
    if endpoint == "POST /api/v1/models/provision":
        return service.provision_models(body)
    return {
        "GET /api/v1/user/list": service.list_users,
        "GET /api/v1/peer/list": service.list_peers,
        "GET /api/v1/peer/load": service.peer_load,
        "GET /api/v1/peer/telemetry": service.peer_telemetry,
        "GET /api/v1/models": service.model_configuration,
        "GET /healthz": service.health,
        "GET /ready": service.ready,
    }[endpoint]()


def listed(recording):
    """The names of the users come back as the list inside."""
    body = recording.decoded
    return body["users"] if recording.endpoint == "GET /api/v1/user/list" else body
