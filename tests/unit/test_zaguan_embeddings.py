"""Embeddings and moderations."""

import base64
import struct
import sys

import pytest

from chatsdk import zaguan
from chatsdk.zaguan import EmbeddingRequest, embeddings

from .helpers import ZAGUAN, sent_json

EMBEDDINGS = ZAGUAN + "/v1/embeddings"
VECTOR = [0.5, -0.25, 1.0]


def answer(*vectors):
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}}


def encoded(order="<"):
    return base64.b64encode(struct.pack(f"{order}3f", *VECTOR)).decode()


def test_vectors(client, http):
    http.add("POST", EMBEDDINGS, json=answer(VECTOR, encoded()))
    request = EmbeddingRequest("m", ["a", "b"], dimensions=3)
    made = client.zaguan.create_embeddings(request, encoding_format="base64")
    assert sent_json(http) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "base64",
        "dimensions": 3,
    }
    assert [item.embedding for item in made] == [VECTOR, VECTOR]
    assert made.to_rows()[1] == {"index": 1, "embedding": VECTOR, "object": "embedding"}
    assert made.usage.total_tokens == 2


def test_numbers_are_little_endian_on_any_machine(client, http, monkeypatch):
    http.add("POST", EMBEDDINGS, json=answer(encoded("=" if sys.byteorder == "big" else ">")))
    monkeypatch.setattr(embeddings.sys, "byteorder", "big")
    assert client.zaguan.create_embeddings(model="m", input="a").data[0].embedding == VECTOR


@pytest.mark.parametrize("vector", ["?", "AAA=", None, {}])
def test_what_is_no_vector(client, http, vector):
    http.add("POST", EMBEDDINGS, json=answer(VECTOR, vector))
    with pytest.raises(zaguan.APIResponseError, match="data"):
        client.zaguan.create_embeddings(model="m", input="a")


def test_a_moderation(client, http):
    results = [{"flagged": True, "categories": {"self-harm/intent": True, "hate": None}, "x": 1}]
    http.add("POST", ZAGUAN + "/v1/moderations", json={"id": "modr-1", "model": "m", "results": results})
    made = client.zaguan.create_moderation(input=["a text"])
    assert sent_json(http) == {"input": ["a text"]}
    (result,) = made
    assert (result.flagged, result.categories["self-harm/intent"], result.extra) == (True, True, {"x": 1})
