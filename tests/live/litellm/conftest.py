"""A LiteLLM proxy, as a gateway of Zaguan's kind, with a stub of a provider behind it.

``LIVE_TESTS=required`` makes a missing proxy an error.
"""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Iterator, List

import pytest

from chatsdk import Client, Service
from chatsdk.zaguan import Zaguan

from ..server import ServerProcess
from .provider import Provider

KEY = "sk-gateway-0123456789"
HERE = Path(__file__).parent
NEEDED = ("litellm", "uvicorn", "fastapi", "fastapi_sso", "apscheduler")
MODELS = ("embedding", "tts-1", "whisper-1", "gpt-image-1", "omni-moderation-latest")


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing and os.environ.get("LIVE_TESTS") != "required":
        reason = f"the LiteLLM proxy is not installed: pip install 'litellm[proxy]' (no {missing[0]})"
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the proxy."""
    folder = tmp_path_factory.mktemp("litellm")
    upstream = {"api_base": provider.url, "api_key": "sk-provider"}
    models = [
        {"model_name": name, "litellm_params": {"model": f"openai/{name}", **upstream}} for name in MODELS
    ]
    mock = {"model": "openai/gpt-4o", "api_key": "sk-none", "mock_response": "Hello from LiteLLM"}
    config = {
        "model_list": [*models, {"model_name": "gpt-4o", "litellm_params": mock}],
        "general_settings": {"master_key": KEY},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    # The second: or it fetches a list of prices when it starts.
    variables = {"CONFIG_FILE_PATH": str(path), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    server = ServerProcess("litellm.proxy.proxy_server:app", folder, variables, "/health/liveliness")
    yield server.url
    server.stop()


@pytest.fixture
def api(gateway: str) -> Iterator[Zaguan]:
    with Client(zaguan=Service(gateway, api_key=KEY)) as client:
        yield client.zaguan
