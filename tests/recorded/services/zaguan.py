"""Zaguan CoreX, and the gateways of its family."""

import base64
import re
import struct
import uuid

from chatsdk import zaguan

BASE = zaguan.ZaguanError
OWN_ERRORS = {
    402: zaguan.InsufficientCreditsError,
    "budget_exceeded": zaguan.InsufficientCreditsError,
    429: zaguan.RateLimitError,
    "band_access_denied": zaguan.BandAccessDeniedError,
}
SPEAKS_OPENAI = True

OFFERED = {
    "POST /v1/chat/completions",
    "POST /api/v1/chat/completions",  # the same dialect under OpenRouter's prefix
    "GET /v1/models",
    "GET /v1/capabilities",
    "GET /v1/credits/balance",
    "GET /v1/credits/history",
    "GET /v1/credits/stats",
    "GET /health",
    "POST /v1/embeddings",
    "POST /v1/moderations",
    "POST /v1/audio/speech",
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "POST /v1/images/edits",
    "POST /v1/images/variations",
    "POST /v1/images/generations",
}
DOWNLOADS = {"POST /v1/audio/speech"}
WITHOUT_METHOD = {
    # Named by its documents.
    "POST /v1/messages",
    "POST /v1/messages/count_tokens",
    "GET /v1/models/{id}",
    "GET /health/liveliness",
    "GET /health/readiness",
    # The wrong method.
    "GET /v1/chat/completions",
}
SENT_TO = {"POST /api/v1/chat/completions": "POST /v1/chat/completions"}

KNOWN_EXTRAS = {
    "Choice.provider_specific_fields",
    "Choice.native_finish_reason",
    "ImageData.provider_specific_fields",
    "ImageResponse.safety_identifier",
    "ImageResponse.svg_usage",
    "Message.provider_specific_fields",
    "ModelInfo.max_input_tokens",
    "ModelInfo.max_output_tokens",
    "ModelInfo.mode",
    "Usage.cost",
    "Usage.cost_details",
}

NOT_SENDABLE = {
    "litellm__err_messages_wrong_type": {"messages"},  # a text becomes a message
    # Page numbers, which only one of the other clients sends.
    "corex_derived__credits_history_ts_shape": {"page", "page_size"},
}

# Methods that take what was recorded: JSON, or a form with files.
_METHODS = {
    "/v1/embeddings": "create_embeddings",
    "/v1/moderations": "create_moderation",
    "/v1/audio/speech": "create_speech",
    "/v1/audio/transcriptions": "create_transcription",
    "/v1/audio/translations": "create_translation",
    "/v1/images/variations": "create_image_variation",
    "/v1/images/generations": "create_image",
    "/v1/images/edits": "edit_image",
}


def endpoint(recording):
    return recording.method + " " + re.sub(r"^/v1/models/.+$", "/v1/models/{id}", recording.path)


def call(service, recording):
    query = recording.request["query"]
    path = recording.endpoint.split(" ")[1]
    if path.endswith("/chat/completions"):
        fields = {"model": "a model", "messages": ["a question"], **(recording.json or {})}
        method = service.chat_stream if recording.asks_for_stream else service.chat
        return method(fields, _request_id(recording))
    if recording.request.get("files"):
        uploads = {
            f"{name}_path": (file["filename"], b"\0" * file["bytes"], file["content_type"])
            for name, file in recording.request["files"].items()
        }
        form = recording.request["form"].items()  # a name with [] is of a list
        fields = {name.rstrip("[]"): [value] if name.endswith("[]") else value for name, value in form}
        return getattr(service, _METHODS[path])(**uploads, **fields)
    if path in _METHODS:
        return getattr(service, _METHODS[path])(recording.json, request_id=_request_id(recording))
    if path == "/v1/credits/history":
        limit = int(query["limit"]) if "limit" in query else None
        return service.get_credits_history(limit, request_id=_request_id(recording))
    if path == "/v1/credits/stats":
        return service.get_credits_stats(**query, request_id=_request_id(recording))
    return {
        "/v1/models": service.list_models,
        "/v1/capabilities": service.get_capabilities,
        "/v1/credits/balance": service.get_credits_balance,
        "/health": service.health_check,
    }[path](request_id=_request_id(recording))


def listed(recording):
    """Models and capabilities come back as the list inside, vectors as lists."""
    body = recording.decoded
    if recording.endpoint == "GET /v1/models":
        return body["data"]
    if recording.endpoint == "POST /v1/embeddings":
        for item in body["data"]:
            if isinstance(item["embedding"], str):
                packed = base64.b64decode(item["embedding"])
                item["embedding"] = list(struct.unpack(f"<{len(packed) // 4}f", packed))
    if recording.endpoint == "GET /v1/capabilities" and isinstance(body, dict):
        return body["models"]
    return body


def check_headers(recording, headers):
    used = headers["X-Request-Id"]
    assert used == (_request_id(recording) or str(uuid.UUID(used)))


def _request_id(recording):
    return recording.request["headers"].get("X-Request-Id")
