"""Infinity Assistant: chat with a memory, a knowledge base and research."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .._core.answer import ChatService
from .._core.model import build_request
from .._core.options import ServiceSpec
from .._core.result_list import ResultList
from .._core.service import ServiceClient
from .._core.stream import Stream
from .errors import OWN_CLASSES, InvalidRequestError
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
from .serializers import (
    drop_none,
    memory_answer,
    memory_body,
    memory_key,
    research_body,
    search_answer,
    search_body,
)
from .stream import ChunkReader

ChatStream = Stream[StreamChunk, ChatResponse]


class Infinity(ServiceClient, ChatService[ChatResponse]):
    """The endpoints of Infinity Assistant.

    Who asks: the server gives whoever has no ``user_id`` an identity in a cookie. It is kept in this object
    and its copies until the key changes, and goes nowhere else, so that all calls of one Client share quota
    and history. Use one Client for each user, or give ``user_id``.

    Keys are read by ``chat`` alone, and one that is wrong is no error there: the call goes on as anonymous.

    All methods raise InfinityAssistantError, which is always one of the library's errors as well.
    """

    _spec = ServiceSpec(
        "infinity",
        "INFINITY_ASSISTANT",
        OWN_CLASSES,
        timeout=60.0,
        max_retries=3,
        base_url="https://infinityassistant.io/api",
        key_header="X-API-Key",
        identity_cookie="infinity_anon_user",
    )

    def get_api_key(self) -> Optional[str]:
        """Return the key that calls such as POST /chat carry, or None."""
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
        """Send a message and wait for the whole answer.

        Where the server's language models fail, the answer is an apology, with 0 in
        ``metadata["tokensUsed"]``; it is no error. The server gives up after 60 seconds, which is the timeout
        of this library too: to hear what it says then (499 or 504), use ``with_options(timeout=70)``.

        Args:
            request: a ChatRequest or a dict; or give its fields as keywords: ``message="Hello"``.

        Returns:
            The answer; ``.text`` or ``["response"]`` is its text, ``conversation_id`` what to go on with.

        Raises:
            BadRequestError: a message that is blank or has more than 5000 characters.
            InfinityAssistantRateLimitError: the daily quota is used up until ``reset_at``; it is not tried
                again.
            InfinityAssistantTimeoutError: no answer in time; it is not asked again, since it may be counted.
            InfinityAssistantError: all else.

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
        """Send a message and get the answer in chunks, as they come.

        The server does not read the key here: quota and history are those of ``user_id``, or of the identity
        that ``chat`` has brought. It has the whole answer made before the first piece of text; the silence
        until then may last as long as the stream's timeout (120 seconds, or ``timeout``).

        Args:
            request: a ChatRequest or a dict; or give its fields as keywords: ``message="Hello"``.

        Returns:
            A Stream of StreamChunk. ``chunk.text`` is what a chunk adds, "" for those that are no text;
            ``.metadata`` of the stream holds what came beside it: ``conversationId``, ``tokensUsed``,
            ``memory``, ``language``, ``speaker``, ``phase``, ...; ``.final()`` is the whole ChatResponse.

        Raises:
            InfinityAssistantError: as ``chat`` does; StreamError for an error event and
                StreamInterruptedError for a cut while iterating.

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
        """Search the knowledge base.

        Args:
            request: a KnowledgeSearchRequest or a dict; or give its fields as keywords: ``query="Python"``.

        Returns:
            What was found, in ``results``; iterating gives the items, and ``to_rows()`` rows for tables.

        Raises:
            BadRequestError: a query that is blank or has more than 500 characters.

        POST /search
        """
        body = search_body(build_request(KnowledgeSearchRequest, request, locals()))
        return self._request("POST", "/search", json=body).model(KnowledgeSearchResponse, search_answer)

    def store_memory(self, key: str, value: Any, ttl: Optional[int] = None) -> MemoryStoreResponse:
        """Store a value under a key, as JSON text.

        The server has no store for values of its own: the key is the id of a conversation, and the value a
        fact that it remembers of it. So a key belongs to nobody, whoever knows it can read it; values are
        added, the last one counts; and they may be lost when the server restarts.

        Args:
            key: any text, without ``..`` as a part of a path.
            value: what JSON can hold; None too.
            ttl: cannot be given: the server keeps values without an expiry.

        Returns:
            The entry that was stored.

        Raises:
            InvalidRequestError: a ttl, an unusable key, NaN; nothing was sent.

        POST /memory
        """
        if ttl is not None:
            raise InvalidRequestError("the server keeps no expiry: leave ttl out")
        with self._service_errors():
            body = memory_body(key, value)
        return self._request("POST", "/memory", json=body).model(MemoryStoreResponse)

    def retrieve_memory(self, key: str) -> MemoryRetrieveResponse:
        """Return what was last stored under a key.

        Args:
            key: what was given to ``store_memory``, or the id of a conversation.

        Returns:
            The ``value``, and whether one was ``found``; an unknown key is no error. Of a conversation, what
            the assistant was told to remember: plain text, as a value that is no JSON. ``memory`` is all
            that the server keeps there.

        Raises:
            InvalidRequestError: an unusable key; nothing was sent.

        GET /memory
        """
        params = {"conversationId": memory_key(key)}
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
        """Look into a topic.

        Args:
            request: a ResearchRequest or a dict; or give its fields as keywords: ``topic="Python"``.

        Returns:
            The ``result``; also ``findings`` and ``summary``.

        Raises:
            BadRequestError: a topic that is blank.
            InvalidRequestError: an unknown depth; nothing was sent.

        POST /research
        """
        body = research_body(build_request(ResearchRequest, request, locals()))
        return self._request("POST", "/research", json=body).model(ResearchResponse)

    def list_api_keys(self) -> ResultList[ApiKey]:
        """Return the account's API keys, newest first; revoked ones too.

        Returns:
            A list of ApiKey, without the keys themselves; ``to_rows()`` gives rows for tables.

        Raises:
            AuthenticationError: nobody is signed in. The published server says so to everybody: it wants a
                session of its website, and does not take API keys here.

        GET /api-keys
        """
        return self._request("GET", "/api-keys").records(ApiKey, "apiKeys")

    def create_api_key(self, name: str) -> ApiKey:
        """Create an API key.

        Args:
            name: what to call it; each name once, revoked keys included.

        Returns:
            The new key. ``.key`` is the key itself: the server never shows it again, and ``repr`` does not.

        Raises:
            BadRequestError: a blank name.
            InternalServerError: a key of that name is there already.
            AuthenticationError: as from ``list_api_keys``.

        POST /api-keys
        """
        return self._request("POST", "/api-keys", json=drop_none(name=name)).model(ApiKey, "apiKey")

    def delete_api_key(self, key_id: str) -> DeleteResponse:
        """Revoke an API key.

        Args:
            key_id: the ``id`` of the key, not the key itself.

        Returns:
            What the server says; it says the same of an id that no key has.

        Raises:
            InvalidRequestError: an empty id; nothing was sent.
            AuthenticationError: as from ``list_api_keys``.
            NotFoundError: the id is no UUID.

        DELETE /api-keys
        """
        return self._request("DELETE", "/api-keys", params=self._id(key_id, "key_id")).model(DeleteResponse)

    def list_webhooks(self) -> ResultList[Webhook]:
        """Return the account's webhooks.

        Returns:
            A list of Webhook, without their secrets; ``to_rows()`` gives rows for tables.

        Raises:
            AuthenticationError: as from ``list_api_keys``.

        GET /webhooks
        """
        return self._request("GET", "/webhooks").records(Webhook, "webhooks")

    def create_webhook(self, url: str, events: Sequence[str]) -> Webhook:
        """Register a URL that is told of events.

        Args:
            url: where deliveries are sent.
            events: at least one of ``chat.message``, ``chat.response``, ``knowledge.created``,
                ``memory.stored``, ``user.preferences.updated``, ``subscription.created``,
                ``subscription.updated``, ``subscription.cancelled``.

        Returns:
            The new webhook. Keep its ``.secret``, which the server never shows again: with it
            ``verify_webhook_signature`` tells whether a delivery is genuine.

        Raises:
            BadRequestError: no URL, no events, or unknown ones.
            AuthenticationError: as from ``list_api_keys``.

        POST /webhooks
        """
        if isinstance(events, str):
            raise TypeError("events must be a list of names, not a text")
        body = drop_none(url=url, events=list(events))
        return self._request("POST", "/webhooks", json=body).model(Webhook, "webhook")

    def delete_webhook(self, webhook_id: str) -> DeleteResponse:
        """Remove a webhook.

        Args:
            webhook_id: the ``id`` of the webhook.

        Returns:
            What the server says.

        Raises:
            InvalidRequestError: an empty id; nothing was sent.
            AuthenticationError: as from ``list_api_keys``.
            NotFoundError: no such webhook.

        DELETE /webhooks
        """
        return self._request("DELETE", "/webhooks", params=self._id(webhook_id, "webhook_id")).model(
            DeleteResponse
        )

    def health(self) -> Health:
        """Return how the server is.

        Returns:
            Its ``status``: look at it, for a ``critical`` server answers as a healthy one does. ``checks``
            are the things that it depends on, by name.

        GET /health
        """
        return self._request("GET", "/health").model(Health)

    def _id(self, value: str, name: str) -> Mapping[str, str]:
        """Return the query that names what is to be deleted."""
        if not isinstance(value, str) or not value.strip():
            raise InvalidRequestError(f"{name} must not be empty")
        return {"id": value}
