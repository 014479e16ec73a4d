"""GET /health: of the service, and of all that it stands on."""

from ..exchange import Reply, Request
from .ids import now

_ENDPOINT = {"url": "http://127.0.0.1:3002", "healthy": True, "failureCount": 0}
_NODES = ("uaa2-service", "tauri-desktop", "ai-workspace", "ollama-server")
_CHECKS = {
    "supabase": {"status": "healthy", "latency": 1},
    "stripe": {"status": "not_configured"},
    "anthropic": {"status": "not_configured"},
    "openai": {"status": "not_configured"},
    "ollama": {
        "status": "healthy",
        "latency": 1,
        "details": {"version": "0.0.0", "models": ["llama3.2:latest"], "defaultModel": "mistral-nemo:12b"},
    },
    "mesh": {
        "status": "disconnected",
        "details": {
            "self": "infinity-assistant",
            "nodes": [{"id": node, "status": "offline"} for node in _NODES],
        },
    },
    "uaa2_service": {
        "status": "healthy",
        "details": {
            "hasMCPSupport": True,
            "endpoints": [{"name": "uaa2-service", **_ENDPOINT, "supportsMCP": True}],
            "primary": _ENDPOINT,
            "aiWorkspace": None,
            "backup": None,
        },
    },
    "fallback_llm": {
        "status": "available",
        "details": {"providers": ["ollama"], "configuredProviders": ["ollama"]},
    },
}


def health(request: Request) -> Reply:
    """GET /health: 200, however ill the service is."""
    return Reply.json(
        {
            "status": "healthy",
            "timestamp": now(),
            "version": "1.0.0",
            "service": "infinityassistant",
            "checks": _CHECKS,
        }
    )
