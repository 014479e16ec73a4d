"""Zaguan CoreX: embeddings."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any, List, Mapping, Optional, Union

from .._core.model import Model, build_request, is_list_of_objects, request_fields, required_field
from .._core.openai_models import Usage
from .._core.result_list import ListResponse
from .._core.service import ServiceClient


@dataclass
class EmbeddingRequest(Model):
    """A request of ``create_embeddings``; ``input`` is a text, a list of texts, or their tokens.

    ``encoding_format="base64"`` makes the response a third of the size. ``dimensions`` shortens the vectors
    of models that support it.
    """

    model: str
    input: Union[str, List[str], List[int], List[List[int]]]
    encoding_format: Optional[str] = None
    dimensions: Optional[int] = None
    user: Optional[str] = None


@dataclass
class Embedding(Model):
    """The vector of the text with this ``index`` in the input."""

    index: int = 0
    embedding: List[float] = field(default_factory=list)
    object: str = ""


def _are_vectors(value: Any) -> bool:
    return is_list_of_objects(value) and all(isinstance(item.get("embedding"), list) for item in value)


@dataclass
class EmbeddingResponse(ListResponse[Embedding]):
    """The vectors, one for each text of the input: lists of floats, even if the server sent base64."""

    data: List[Embedding] = required_field(_are_vectors, default_factory=list)
    model: str = ""
    usage: Optional[Usage] = None
    object: str = ""


class Embeddings(ServiceClient):
    """The endpoint for embeddings."""

    def create_embeddings(
        self,
        request: Union[EmbeddingRequest, Mapping[str, Any], None] = None,
        request_id: Optional[str] = None,
        *,
        model: Optional[str] = None,
        input: Union[str, List[str], List[int], List[List[int]], None] = None,
        encoding_format: Optional[str] = None,
        dimensions: Optional[int] = None,
        user: Optional[str] = None,
    ) -> EmbeddingResponse:
        """Return the vector of a text, or of each of many (see EmbeddingRequest).

        POST /v1/embeddings
        """
        body = request_fields(build_request(EmbeddingRequest, request, locals()))
        return self._request("POST", "/v1/embeddings", json=body, request_id=request_id).model(
            EmbeddingResponse, _decode_vectors
        )


def _decode_vectors(body: Any) -> Any:
    """Replace vectors in base64 with lists; invalid ones are unchanged, and refused by the model."""
    items = body.get("data")
    for item in items if is_list_of_objects(items) else ():
        text = item.get("embedding")
        if isinstance(text, str):
            try:
                vector = array("f", b64decode(text, validate=True))
            except ValueError:
                continue
            if sys.byteorder == "big":  # servers send little-endian numbers
                vector.byteswap()
            item["embedding"] = vector.tolist()
    return body
