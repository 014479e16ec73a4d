"""The client of ChatServer."""

from __future__ import annotations

import re
import uuid
from typing import Any, Iterator, List, Literal, Mapping, Optional, Union, overload

from .._core.answer import ChatService, first_choice_text
from .._core.chat import CompletionAccumulator, Messages, complete_tool_calls, serialize_messages
from .._core.options import ServiceSpec
from .._core.paging import iter_pages
from .._core.service import ServiceClient
from .._core.stream import Stream
from .errors import ERROR_CLASSES, InvalidRequestError
from .models import (
    AdminList,
    AdminRequest,
    AdminResponse,
    AuditEntry,
    AuditLogResponse,
    ChatCompletionRequest,
    ChatCompletionResponse,
    ChatSessionDetailResponse,
    ChatSessionListResponse,
    ChatSessionSummary,
    ModelsResponse,
    PlatformStats,
)

TextStream = Stream[str, ChatCompletionResponse]


class ChatServer(ServiceClient, ChatService[ChatCompletionResponse]):
    """ChatServer: OpenAI-compatible completions, with stored sessions and administration.

    All errors are both a ChatServerError and a common error, such as ``chatsdk.NotFoundError``. Each method
    may raise UnprocessableEntityError: a value is outside its limits, or an id is not a UUID. The server
    itself does not check keys; 401, 403 and 429 come from a gateway in front of it.
    """

    # The server may close a connection milliseconds after a stream: a POST that reuses it would fail.
    _spec = ServiceSpec(
        "chatserver",
        "CHATSERVER",
        ERROR_CLASSES,
        timeout=30.0,
        max_retries=2,
        base_url="http://localhost:3284",
        reuse_after_stream=False,
    )

    @overload
    def create_completion(
        self,
        model: str,
        messages: Messages,
        temperature: Optional[float] = 0.7,
        max_tokens: Optional[int] = 4000,
        top_p: Optional[float] = 1.0,
        stream: Literal[False] = False,
        user: Optional[str] = None,
        system_prompt: Optional[str] = None,
        *,
        session_id: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        organization_id: Optional[str] = None,
        workflow: Optional[str] = None,
        variables: Optional[Mapping[str, Any]] = None,
        allowed_tools: Optional[List[str]] = None,
        setting_sources: Optional[List[str]] = None,
        mcp_servers: Optional[Mapping[str, Any]] = None,
    ) -> ChatCompletionResponse: ...

    @overload
    def create_completion(
        self,
        model: str,
        messages: Messages,
        temperature: Optional[float] = 0.7,
        max_tokens: Optional[int] = 4000,
        top_p: Optional[float] = 1.0,
        *,
        stream: Literal[True],
        user: Optional[str] = None,
        system_prompt: Optional[str] = None,
        session_id: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        organization_id: Optional[str] = None,
        workflow: Optional[str] = None,
        variables: Optional[Mapping[str, Any]] = None,
        allowed_tools: Optional[List[str]] = None,
        setting_sources: Optional[List[str]] = None,
        mcp_servers: Optional[Mapping[str, Any]] = None,
    ) -> TextStream: ...

    @overload
    def create_completion(
        self,
        model: str,
        messages: Messages,
        temperature: Optional[float] = 0.7,
        max_tokens: Optional[int] = 4000,
        top_p: Optional[float] = 1.0,
        stream: bool = False,
        user: Optional[str] = None,
        system_prompt: Optional[str] = None,
        *,
        session_id: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        organization_id: Optional[str] = None,
        workflow: Optional[str] = None,
        variables: Optional[Mapping[str, Any]] = None,
        allowed_tools: Optional[List[str]] = None,
        setting_sources: Optional[List[str]] = None,
        mcp_servers: Optional[Mapping[str, Any]] = None,
    ) -> Union[ChatCompletionResponse, TextStream]: ...

    def create_completion(
        self,
        model: str,
        messages: Messages,
        temperature: Optional[float] = 0.7,
        max_tokens: Optional[int] = 4000,
        top_p: Optional[float] = 1.0,
        stream: bool = False,
        user: Optional[str] = None,
        system_prompt: Optional[str] = None,
        *,
        session_id: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        organization_id: Optional[str] = None,
        workflow: Optional[str] = None,
        variables: Optional[Mapping[str, Any]] = None,
        allowed_tools: Optional[List[str]] = None,
        setting_sources: Optional[List[str]] = None,
        mcp_servers: Optional[Mapping[str, Any]] = None,
    ) -> Union[ChatCompletionResponse, TextStream]:
        """Create a chat completion.

        With ``user`` the server stores the conversation. It identifies messages by their position: send the
        full transcript with each call, and the first response's ``system_fingerprint`` as ``session_id``. A
        session whose first call was streamed may hang on the next call. After a timeout, or a stream that was
        not read to its end, start a new session: the old one may return the rest of the old answer.

        Args:
            model: the id of a model; see ``list_models``.
            messages: a string, or a list of Message objects, dicts and strings (messages of the user).
            temperature: 0 to 2.
            max_tokens: 1 to 4000.
            top_p: 0 to 1.
            stream: return a Stream of strings instead of the completion.
            user: a UUID; the server stores the conversation for this user, by default in a new session.
            system_prompt: replaces the server's system prompt.
            session_id: the session to continue, a UUID; without ``user`` any string.
            metadata: additional metadata; its keys override the arguments that are sent in it.
            organization_id: a UUID; use the prompts and tools of this organization.
            workflow: the name of a prompt configured on the server.
            variables: values for prompt templates.
            allowed_tools: tools for a new session.
            setting_sources: passed to the model process.
            mcp_servers: replaces the server's MCP servers.

        Returns:
            The completion; with ``stream=True`` a Stream of strings, whose ``metadata["system_fingerprint"]``
            is the session id and whose ``final()`` returns the completion.

        Raises:
            InvalidRequestError: an id is not a UUID; nothing was sent.
            BadRequestError: model or messages are empty.
            InternalServerError: any other failure of the server, such as the session of another user.
            StreamError, StreamInterruptedError: while iterating a stream.

        POST /v1/chat/completions
        """
        user = _validate_uuid(user, "user")
        fields = {
            "session_id": _validate_uuid(session_id, "session_id") if user else session_id,
            "user_id": user,
            "organization_id": _validate_uuid(organization_id, "organization_id"),
            "workflow": workflow,
            "variables": variables,
            "allowed_tools": allowed_tools,
            "setting_sources": setting_sources,
            "mcp_servers": mcp_servers,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        sent.update(metadata or {})
        if sent.get("user_id") and not sent.get("session_id"):
            # The server's default id is not a UUID, and its history endpoints fail on it with a 500.
            sent["session_id"] = str(uuid.uuid4())
        messages = serialize_messages(messages)
        body = ChatCompletionRequest(
            model, messages, temperature, max_tokens, top_p, stream, user, system_prompt, sent or None
        )
        request = self._request("POST", "/v1/chat/completions", json=body)
        reader = CompletionAccumulator(
            lambda chunk: first_choice_text(chunk, "delta") or None, ChatCompletionResponse.from_dict
        )
        if stream:
            return request.stream(reader)
        return request.model(ChatCompletionResponse, complete_tool_calls, reader)

    def list_models(self) -> ModelsResponse:
        """Return the models of the server, in ``data``.

        Raises:
            InternalServerError: no models are configured on the server.

        GET /v1/models
        """
        return self._request("GET", "/v1/models").model(ModelsResponse)

    def list_sessions(self, user_id: str, page: int = 1, page_size: int = 20) -> ChatSessionListResponse:
        """Return a page of a user's ``sessions``, newest first; ``iter_sessions`` yields all sessions.

        Args:
            user_id: a UUID.
            page: from 1; a page after the last may raise InternalServerError.
            page_size: 1 to 100.

        GET /atoms/chat/sessions
        """
        params = {"user_id": user_id, "page": page, "page_size": page_size}
        return self._request("GET", "/atoms/chat/sessions", params=params).model(ChatSessionListResponse)

    def iter_sessions(
        self, user_id: str, page_size: int = 20, *, progress: bool = False
    ) -> Iterator[ChatSessionSummary]:
        """Yield all sessions of a user, newest first, each once.

        Args:
            user_id: a UUID.
            page_size: sessions per request, 1 to 100.
            progress: show a progress bar (tqdm if it is installed).

        GET /atoms/chat/sessions, once per page
        """
        return iter_pages(self.list_sessions, "page", progress, user_id=user_id, page_size=page_size)

    def get_session(self, session_id: str, *, user_id: str) -> ChatSessionDetailResponse:
        """Return a ``session`` and its ``messages``, in order.

        Args:
            session_id, user_id: the UUIDs of the session and of its user.

        Raises:
            NotFoundError: there is no such session, or it belongs to another user.

        GET /atoms/chat/sessions/{session_id}
        """
        path = self._path("/atoms/chat/sessions/{session_id}", session_id=session_id)
        detail = self._request("GET", path, params={"user_id": user_id}).model(ChatSessionDetailResponse)
        for message in detail.messages:
            message.session_id = message.session_id or detail.session.id
        return detail

    def get_platform_stats(self) -> PlatformStats:
        """Return counts of users, organizations and MCP servers, and the health of the server.

        GET /api/v1/platform/stats
        """
        return self._request("GET", "/api/v1/platform/stats").model(PlatformStats)

    def list_admins(self) -> AdminList:
        """Return the administrators, in ``admins``.

        GET /api/v1/platform/admins
        """
        return self._request("GET", "/api/v1/platform/admins").model(AdminList)

    def add_admin(self, workos_id: str, email: str, name: str = "") -> AdminResponse:
        """Add an administrator.

        Args:
            name: a display name; "" for none.

        Raises:
            BadRequestError: ``workos_id`` or ``email`` is empty.
            InternalServerError: the user is an administrator already.

        POST /api/v1/platform/admins
        """
        body = AdminRequest(workos_id, email, name or None)
        return self._request("POST", "/api/v1/platform/admins", json=body).model(AdminResponse)

    def remove_admin(self, email: str) -> AdminResponse:
        """Remove an administrator by email address; an unknown one is not an error.

        Raises:
            NotFoundError: the address contains a slash, which the server cannot route.

        DELETE /api/v1/platform/admins/{email}
        """
        path = self._path("/api/v1/platform/admins/{email}", email=email)
        return self._request("DELETE", path).model(AdminResponse)

    def get_audit_log(self, limit: int = 50, offset: int = 0) -> AuditLogResponse:
        """Return a page of the ``entries`` of the audit log, newest first; ``iter_audit_log`` yields all.

        Args:
            limit: entries on the page, 1 to 200.
            offset: entries to skip, from 0.

        GET /api/v1/platform/audit
        """
        params = {"limit": limit, "offset": offset}
        return self._request("GET", "/api/v1/platform/audit", params=params).model(AuditLogResponse)

    def iter_audit_log(self, limit: int = 50, *, progress: bool = False) -> Iterator[AuditEntry]:
        """Yield all entries of the audit log, newest first, each once.

        Args:
            limit: entries per request, 1 to 200.
            progress: show a progress bar (tqdm if it is installed).

        GET /api/v1/platform/audit, once per page
        """
        return iter_pages(self.get_audit_log, "offset", progress, limit=limit)


def _validate_uuid(value: Optional[str], name: str) -> Optional[str]:
    """Return *value* as a string; raises InvalidRequestError if it is not a UUID."""
    if value and not re.fullmatch("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", str(value), re.IGNORECASE):
        raise InvalidRequestError(f"{name} must be a UUID: the server fails on any other id")
    return str(value) if value else value
