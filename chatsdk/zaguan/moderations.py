"""Zaguan CoreX: moderation of texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Union

from .._core.model import Model, build_request, request_fields, required_field
from .._core.result_list import ListResponse
from .._core.service import ServiceClient


@dataclass
class ModerationRequest(Model):
    """A request of ``create_moderation``; ``input`` is a text, a list of texts, or content parts."""

    input: Union[str, List[str], List[Dict[str, Any]]]
    model: Optional[str] = None


@dataclass
class ModerationResult(Model):
    """Whether a text was flagged, and for which categories, such as ``"self-harm/intent"``.

    LiteLLM adds names with underscores, and None for categories that the provider does not report.
    """

    flagged: bool = False
    categories: Dict[str, Optional[bool]] = field(default_factory=dict)
    category_scores: Dict[str, Optional[float]] = field(default_factory=dict)
    category_applied_input_types: Optional[Dict[str, Optional[List[str]]]] = None


@dataclass
class ModerationResponse(ListResponse[ModerationResult]):
    """The results, one for each text of the input."""

    results: List[ModerationResult] = required_field(default_factory=list)
    id: str = ""
    model: str = ""


class Moderations(ServiceClient):
    """The endpoint for moderations."""

    def create_moderation(
        self,
        request: Union[ModerationRequest, Mapping[str, Any], None] = None,
        request_id: Optional[str] = None,
        *,
        input: Union[str, List[str], List[Dict[str, Any]], None] = None,
        model: Optional[str] = None,
    ) -> ModerationResponse:
        """Return whether texts are harmful, by category (see ModerationRequest).

        POST /v1/moderations
        """
        body = request_fields(build_request(ModerationRequest, request, locals()))
        return self._request("POST", "/v1/moderations", json=body, request_id=request_id).model(
            ModerationResponse
        )
