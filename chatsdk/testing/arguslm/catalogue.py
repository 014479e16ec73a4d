"""What ArgusLM knows of the world: kinds of providers, their models, prompt packs."""

from dataclasses import asdict, dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple


@dataclass(frozen=True)
class Spec:
    """What a kind of provider needs."""

    id: str
    label: str
    tested: bool = True
    requires_api_key: bool = True
    requires_base_url: bool = False
    requires_region: bool = False
    show_org_fields: bool = False
    default_base_url: Optional[str] = None
    api_key_label: Optional[str] = None
    base_url_label: Optional[str] = None
    region_options: Sequence[Tuple[str, str]] = ()


_SPECS = (
    Spec("openai", "OpenAI", show_org_fields=True, default_base_url="https://api.openai.com/v1"),
    Spec("anthropic", "Anthropic", default_base_url="https://api.anthropic.com"),
    Spec(
        "aws_bedrock",
        "AWS Bedrock",
        requires_region=True,
        api_key_label="Bearer Token (from AWS Bedrock Console)",
        region_options=(("us-east-1", "US East (N. Virginia)"), ("eu-central-1", "Europe (Frankfurt)")),
    ),
    Spec(
        "ollama",
        "Ollama",
        requires_api_key=False,
        requires_base_url=True,
        default_base_url="http://localhost:11434",
        base_url_label="Base URL",
    ),
    Spec(
        "lm_studio",
        "LM Studio",
        requires_api_key=False,
        requires_base_url=True,
        default_base_url="http://localhost:1234/v1",
        base_url_label="Base URL",
    ),
    Spec("custom_openai_compatible", "Custom OpenAI Compatible", requires_base_url=True),
    Spec("cohere", "Cohere", tested=False),
)
LOCAL = ("ollama", "lm_studio")
BEDROCK = "aws_bedrock"

# The models that each kind of provider lists, with their context windows. Others list none.
MODELS: Mapping[str, Mapping[str, int]] = {
    "openai": {"gpt-4o": 128000, "gpt-4o-mini": 128000, "gpt-4.1": 1047576, "o3-mini": 200000},
    "anthropic": {"claude-3-5-sonnet-20241022": 200000, "claude-3-5-haiku-20241022": 200000},
    "aws_bedrock": {"amazon.nova-pro-v1:0": 300000, "amazon.nova-lite-v1:0": 300000},
    "ollama": {"llama3:8b": 8192, "mistral:7b": 32768},
    "lm_studio": {"qwen2.5-7b-instruct": 32768, "phi-4": 16384},
    "custom_openai_compatible": {"org/model-a": 8192, "org/model-b": 8192},
}


@dataclass(frozen=True)
class PromptPack:
    """What models are asked."""

    id: str
    name: str
    prompt: str
    expected_tokens: int


_PACKS = (
    PromptPack("health_check", "Health Check", "Count to ten, a number on each line.", 30),
    PromptPack("shakespeare", "Shakespeare", "Write a soliloquy about time, with a metaphor.", 150),
    PromptPack("synthetic_short", "Synthetic Short", "Say in three sentences what an API is.", 50),
    PromptPack("synthetic_medium", "Synthetic Medium", "Describe how plants make sugar of light.", 200),
    PromptPack("synthetic_long", "Synthetic Long", "Write a guide for founders of small firms.", 500),
    PromptPack("code_generation", "Code Generation", "Write a binary search in Python.", 150),
    PromptPack("reasoning", "Reasoning", "Of 17 sheep all but 9 run away. How many are left?", 100),
)
PACKS: Mapping[str, PromptPack] = {pack.id: pack for pack in _PACKS}
PACK_NAMES = ", ".join(sorted(PACKS))


def listed_specs() -> Dict[str, Any]:
    """The kinds of providers, as the service lists them."""
    return {
        "providers": {spec.id: asdict(spec) for spec in _SPECS},
        "total": len(_SPECS),
        "tested_count": sum(spec.tested for spec in _SPECS),
    }
