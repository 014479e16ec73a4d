"""Infinity Assistant: chat, knowledge base, memory and research."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .._core import json_codec
from .._core.answer import ChatService
from .._core.model import build_request
from .._core.options import ServiceSpec
from .._core.result_list import ResultList
from .._core.service import ServiceClient
from .._core.stream import Stream
from .errors import ERROR_CLASSES, InvalidRequestError
from .models import (
    ApiKey,
    ChatRequest,
    ChatResponse,
    DeleteResponse,
    Health,
    KnowledgeFilters,
    KnowledgeSearchRequest,
    KnowledgeSearchResponse,
    MemoryRetrieveResponse,
    MemoryStoreResponse,
    ResearchRequest,
    ResearchResponse,
    StreamChunk,
    Webhook,
)
from .serializers import check_key, check_text, memory_answer, research_body, search_answer, search_body
from .stream import ChunkReader

ChatStream = Stream[StreamChunk, ChatResponse]


class Infinity(ServiceClient, ChatService[ChatResponse]):
    """Infinity Assistant: chat, knowledge, memory and research.

    A call without ``user_id`` is anonymous: ``chat`` receives a cookie that identifies the user, which this
    object and its copies send until the key changes. All calls of one Client thus share quota and history:
    use one Client per user, or give ``user_id``.

    The server only reads the API key in ``chat``, and ignores an invalid one. The methods for API keys and
    webhooks need a session of its website: with the published server they always raise AuthenticationError.

    A method that takes a request, such as a ChatRequest, also takes a dict, or the fields as keywords.

    All errors are both an InfinityAssistantError and a common error, such as ``chatsdk.RateLimitError``.
    InvalidRequestError is raised before anything is sent.
    """

    _spec = ServiceSpec(
        "infinity",
        "INFINITY_ASSISTANT",
        ERROR_CLASSES,
        timeout=60.0,
        max_retries=3,
        base_url="https://infinityassistant.io/api",
        key_header="X-API-Key",
        identity_cookie="infinity_anon_user",
    )

    def get_api_key(self) -> Optional[str]:
        """Return the API key, or None; it is sent with each request, such as POST /chat."""
        return self._credentials.key

    def chat(
        self,
        request: Union[ChatRequest, Mapping[str, Any], None] = None,
        *,
        message: Optional[str] = None,
        conversation_id: Optional[str] = None,
        conversationId: Optional[str] = None,
        user_id: Optional[str] = None,
        userId: Optional[str] = None,
        user_tier: Optional[str] = None,
        userTier: Optional[str] = None,
        mode: Optional[str] = None,
        user_context: Optional[str] = None,
        userContext: Optional[str] = None,
        preferences: Optional[Dict[str, Any]] = None,
        essence: Optional[Dict[str, Any]] = None,
        session_id: Optional[str] = None,
        sessionId: Optional[str] = None,
        driving_mode: Union[bool, Dict[str, Any], None] = None,
        drivingMode: Union[bool, Dict[str, Any], None] = None,
    ) -> ChatResponse:
        """Send a message (see ChatRequest) and return the answer, with the ``conversation_id`` to continue.

        If its language models fail, the server answers with an apology and 0 in ``metadata["tokensUsed"]``.
        It gives up after 60 seconds, the default timeout: ``with_options(timeout=70)`` gets its error, 499
        or 504.

        Raises:
            BadRequestError: the message is blank, or longer than 5000 characters.
            InfinityAssistantRateLimitError: the daily quota is used up until ``reset_at``; not retried.
            InfinityAssistantTimeoutError: no answer in time; not retried, since it may count for the quota.

        POST /chat
        """
        body = build_request(ChatRequest, request, locals())
        return self._request("POST", "/chat", json=body).model(ChatResponse, reader=ChunkReader())

    def chat_stream(
        self,
        request: Union[ChatRequest, Mapping[str, Any], None] = None,
        *,
        message: Optional[str] = None,
        conversation_id: Optional[str] = None,
        conversationId: Optional[str] = None,
        user_id: Optional[str] = None,
        userId: Optional[str] = None,
        user_tier: Optional[str] = None,
        userTier: Optional[str] = None,
        mode: Optional[str] = None,
        user_context: Optional[str] = None,
        userContext: Optional[str] = None,
        preferences: Optional[Dict[str, Any]] = None,
        essence: Optional[Dict[str, Any]] = None,
        session_id: Optional[str] = None,
        sessionId: Optional[str] = None,
        driving_mode: Union[bool, Dict[str, Any], None] = None,
        drivingMode: Union[bool, Dict[str, Any], None] = None,
    ) -> ChatStream:
        """Send a message (see ChatRequest) and stream the answer.

        The server ignores the API key here: quota and history are those of ``user_id``, or of the cookie from
        ``chat``. It sends no text until the answer is complete; the stream waits for up to 120 seconds, or
        ``timeout``.

        Returns:
            A Stream of StreamChunk. ``metadata`` of the stream holds ``conversationId``, ``tokensUsed``,
            ``memory``, ``language``, ``speaker``, ``phase``, ...; ``final()`` returns the ChatResponse.

        Raises:
            The errors of ``chat``; StreamError and StreamInterruptedError while iterating.

        POST /chat/stream
        """
        body = build_request(ChatRequest, request, locals())
        return self._request("POST", "/chat/stream", json=body).stream(ChunkReader())

    def search_knowledge(
        self,
        request: Union[KnowledgeSearchRequest, Mapping[str, Any], None] = None,
        *,
        query: Optional[str] = None,
        limit: Optional[int] = None,
        type: Optional[str] = None,
        domain: Optional[str] = None,
        tags: Optional[List[str]] = None,
        user_id: Optional[str] = None,
        userId: Optional[str] = None,
        user_tier: Optional[str] = None,
        userTier: Optional[str] = None,
        filters: Union[KnowledgeFilters, Mapping[str, Any], None] = None,
    ) -> KnowledgeSearchResponse:
        """Search the knowledge base (see KnowledgeSearchRequest) and return the items found, in ``results``.

        Raises:
            BadRequestError: the query is blank, or longer than 500 characters.

        POST /search
        """
        body = search_body(build_request(KnowledgeSearchRequest, request, locals()))
        return self._request("POST", "/search", json=body).model(KnowledgeSearchResponse, search_answer)

    def store_memory(self, key: str, value: Any, ttl: Optional[int] = None) -> MemoryStoreResponse:
        """Store a value under a key, as JSON text, and return the stored entry.

        The server has no key-value store: the key is the id of a conversation, and the value a fact about it.
        Anyone who knows the key can read it; only the last value is returned; a restart may lose it.

        Args:
            key: any text without ``..`` as a part of a path.
            value: any JSON value, including None.
            ttl: not supported; memory does not expire.

        Raises:
            InvalidRequestError: a ttl, an invalid key, or a value that is not valid JSON.

        POST /memory
        """
        if ttl is not None:
            raise InvalidRequestError("ttl is not supported: memory does not expire")
        with self._service_errors():
            content = json_codec.dumps(value).decode("utf-8")
        body = {"conversationId": check_key(key), "content": content}
        return self._request("POST", "/memory", json=body).model(MemoryStoreResponse)

    def retrieve_memory(self, key: str) -> MemoryRetrieveResponse:
        """Return the value that was stored last under a key; ``found`` tells whether there was one.

        Args:
            key: the key of ``store_memory``; or the id of a conversation, for the text that the assistant was
                asked to remember.

        GET /memory
        """
        params = {"conversationId": check_key(key)}
        return self._request("GET", "/memory", params=params).model(MemoryRetrieveResponse, memory_answer)

    def research(
        self,
        request: Union[ResearchRequest, Mapping[str, Any], None] = None,
        *,
        topic: Optional[str] = None,
        query: Optional[str] = None,
        mode: Optional[str] = None,
        depth: Optional[str] = None,
        context: Optional[str] = None,
        domains: Optional[List[str]] = None,
        max_sources: Optional[int] = None,
        maxSources: Optional[int] = None,
        include_external: Optional[bool] = None,
        includeExternal: Optional[bool] = None,
        sources: Optional[int] = None,
    ) -> ResearchResponse:
        """Research a topic (see ResearchRequest) and return ``findings`` and ``summary``.

        Raises:
            BadRequestError: the topic is blank.
            InvalidRequestError: an unknown depth.

        POST /research
        """
        body = research_body(build_request(ResearchRequest, request, locals()))
        return self._request("POST", "/research", json=body).model(ResearchResponse)

    def list_api_keys(self) -> ResultList[ApiKey]:
        """Return the API keys of the account, revoked ones too, newest first; without ``key`` itself.

        GET /api-keys
        """
        return self._request("GET", "/api-keys").records(ApiKey, "apiKeys")

    def create_api_key(self, name: str) -> ApiKey:
        """Create an API key; only this response holds the ``key`` itself.

        Raises:
            BadRequestError: the name is blank.
            InternalServerError: another key has the name, or a revoked one.

        POST /api-keys
        """
        return self._request("POST", "/api-keys", json={"name": name}).model(ApiKey, "apiKey")

    def delete_api_key(self, key_id: str) -> DeleteResponse:
        """Revoke an API key by its ``id``; an unknown id is not an error.

        Raises:
            NotFoundError: the id is not a UUID.

        DELETE /api-keys
        """
        params = {"id": check_text(key_id, "key_id")}
        return self._request("DELETE", "/api-keys", params=params).model(DeleteResponse)

    def list_webhooks(self) -> ResultList[Webhook]:
        """Return the webhooks of the account, without their secrets.

        GET /webhooks
        """
        return self._request("GET", "/webhooks").records(Webhook, "webhooks")

    def create_webhook(self, url: str, events: Sequence[str]) -> Webhook:
        """Create a webhook; only this response holds its ``secret``, for ``verify_webhook_signature``.

        Args:
            url: the URL that receives the deliveries.
            events: one or more of ``chat.message``, ``chat.response``, ``knowledge.created``,
                ``memory.stored``, ``user.preferences.updated``, ``subscription.created``,
                ``subscription.updated``, ``subscription.cancelled``.

        Raises:
            BadRequestError: no URL, no events, or unknown ones.

        POST /webhooks
        """
        if isinstance(events, str):
            raise TypeError("events must be a list of names, not a string")
        body = {"url": url, "events": list(events)}
        return self._request("POST", "/webhooks", json=body).model(Webhook, "webhook")

    def delete_webhook(self, webhook_id: str) -> DeleteResponse:
        """Delete a webhook by its ``id``.

        Raises:
            NotFoundError: there is no such webhook.

        DELETE /webhooks
        """
        params = {"id": check_text(webhook_id, "webhook_id")}
        return self._request("DELETE", "/webhooks", params=params).model(DeleteResponse)

    def health(self) -> Health:
        """Return the health of the server. Check ``status``: a ``critical`` server responds with 200 too.

        GET /health
        """
        return self._request("GET", "/health").model(Health)
