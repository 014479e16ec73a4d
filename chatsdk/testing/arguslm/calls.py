"""Calls of models, as they would have gone: nothing is called, and the numbers are always the same."""

import zlib
from dataclasses import dataclass
from typing import Any, Mapping, NamedTuple, Optional

from .catalogue import LOCAL, PACK_NAMES, PACKS
from .registry import Model, Provider


class Problem(NamedTuple):
    """Why a provider refuses or fails."""

    kind: str
    message: str


TRANSPORT_ERRORS = Problem(
    "InternalServerError",
    "litellm.InternalServerError: InternalServerError: OpenAIException - The server had an error",
)
_NO_KEY = Problem(
    "InternalServerError",
    "litellm.InternalServerError: InternalServerError: OpenAIException - Missing credentials.",
)
_WRONG_KEY = Problem(
    "AuthenticationError",
    "litellm.AuthenticationError: AuthenticationError: OpenAIException - Incorrect API key provided",
)


def key_problem(provider_type: str, credentials: Mapping[str, Any]) -> Optional[Problem]:
    """What is wrong with the key of a provider: it is missing, or contains the word "wrong"."""
    if provider_type in LOCAL:
        return None
    key = credentials.get("api_key")
    if not key:
        return _NO_KEY
    return _WRONG_KEY if "wrong" in str(key) else None


@dataclass(frozen=True)
class Call:
    """One call of a model: its times and tokens, or why it failed."""

    ttft_ms: float = 0.0
    total_latency_ms: float = 0.0
    output_tokens: int = 0
    error: Optional[str] = None

    @property
    def tps(self) -> float:
        """Tokens per second of the whole call."""
        return _per_second(self.output_tokens, self.total_latency_ms)

    @property
    def tps_excluding_ttft(self) -> float:
        """Tokens per second from the first token on."""
        return _per_second(self.output_tokens, self.total_latency_ms - self.ttft_ms)


def _per_second(tokens: int, milliseconds: float) -> float:
    return 1000.0 * tokens / milliseconds if milliseconds else 0.0


def call(model: Model, provider: Optional[Provider], pack: str, max_tokens: int, turn: int = 0) -> Call:
    """How a call goes: it fails for models with "broken" in their id, and without a good key.

    Args:
        model: Each model has a speed of its own, made from its id.
        provider: Whose key it takes.
        pack: The id of the prompt pack.
        max_tokens: At most how many tokens the model says.
        turn: Which call of the model it is; no two take equally long.
    """
    if pack not in PACKS:
        return Call(error=f"Unknown prompt pack: {pack}. Valid options: {PACK_NAMES}")
    if "broken" in model.model_id:
        return Call(error=TRANSPORT_ERRORS.message)
    problem = key_problem(provider.provider_type, provider.credentials) if provider else None
    if problem is not None:
        return Call(error=problem.message)
    digest = zlib.crc32(model.model_id.encode("utf-8"))
    slower = 1.0 + zlib.crc32(f"{digest}/{turn}".encode("ascii")) % 1000 / 10000  # by up to a tenth
    ttft_ms = (80.0 + digest % 320) * slower
    tokens = min(PACKS[pack].expected_tokens, max_tokens)
    tokens_per_second = 40.0 + digest // 320 % 110
    return Call(ttft_ms, ttft_ms + 1000.0 * tokens / tokens_per_second * slower, tokens)
