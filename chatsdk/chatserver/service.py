"""ChatServer: OpenAI-compatible completions over agents, with stored sessions and administration."""

from __future__ import annotations

import re
import uuid
from typing import Any, Dict, Iterator, List, Literal, Mapping, Optional, Union, overload

from .._core.answer import ChatService
from .._core.chat import CompletionAccumulator, Messages, complete_tool_calls, delta_text, serialize_messages
from .._core.options import ServiceSpec
from .._core.paging import iter_pages
from .._core.service import ServiceClient
from .._core.stream import Stream
from .errors import OWN_CLASSES, InvalidRequestError
from .models import (
    AdminList,
    AdminRequest,
    AdminResponse,
    AuditEntry,
    AuditLogResponse,
    ChatCompletionResponse,
    ChatSessionDetailResponse,
    ChatSessionListResponse,
    ChatSessionSummary,
    ModelsResponse,
    PlatformStats,
)

TextStream = Stream[str, ChatCompletionResponse]


class ChatServer(ServiceClient, ChatService[ChatCompletionResponse]):
    """The endpoints of ChatServer.

    The server itself checks no keys; 401, 403 and 429 come from a gateway in front of it. All methods raise
    ChatServerError, which is always one of the library's errors as well.
    """

    # The server may close the connection some milliseconds after a stream: a POST sent by then is lost.
    _spec = ServiceSpec(
        "chatserver",
        "CHATSERVER",
        OWN_CLASSES,
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
        """Ask for a completion.

        History: with ``user`` the server stores the conversation. It keeps messages by their position, so
        send the full transcript each time, with the ``session_id`` of the first answer
        (``response.system_fingerprint``). A session whose first call was streamed may hang on the next.

        Args:
            model: the id of a model; see ``list_models``.
            messages: a text, or a list that mixes Message objects, dicts and texts.
            temperature: 0 to 2.
            max_tokens: 1 to 4000.
            top_p: 0 to 1.
            stream: return a Stream of text pieces instead of the whole answer.
            user: whose history it becomes, a UUID; without ``session_id`` a new one is made for the call.
            system_prompt: replaces the prompt that the server composes.
            session_id: the session to go on with, a UUID; any text without ``user``.
            metadata: further metadata; what it says wins over the arguments beside it.
            organization_id: a UUID, for the organisation's prompts and tools.
            workflow: a prompt configured on the server.
            variables: values for prompt templates.
            allowed_tools: tools for a new session.
            setting_sources: passed on to the model process.
            mcp_servers: replaces the tool servers that the server composes.

        Returns:
            The completion; with ``stream=True`` a Stream of texts, whose ``metadata["system_fingerprint"]``
            is the session id and whose ``final()`` is the completion.

        Raises:
            InvalidRequestError: an id that is no UUID; nothing was sent.
            BadRequestError: no model or no messages.
            UnprocessableEntityError: a value outside its limits; the message names the field.
            InternalServerError: all that the server did not expect, such as another user's session.
            ChatServerError: all else; StreamError and StreamInterruptedError while iterating.

        POST /v1/chat/completions
        """
        with self._service_errors():
            user = _uuid(user, "user")
            organization_id = _uuid(organization_id, "organization_id")
            if user:
                session_id = _uuid(session_id, "session_id")
        told = {
            "session_id": session_id,
            "user_id": user,
            "organization_id": organization_id,
            "workflow": workflow,
            "variables": variables,
            "allowed_tools": allowed_tools,
            "setting_sources": setting_sources,
            "mcp_servers": mcp_servers,
        }
        body = {
            "model": model,
            "messages": serialize_messages(messages),
            "temperature": temperature,
            "max_tokens": max_tokens,
            "top_p": top_p,
            "stream": stream,
            "user": user,
            "system_prompt": system_prompt,
            "metadata": _metadata(told, metadata or {}),
        }
        sent = {name: value for name, value in body.items() if value is not None}
        request = self._request("POST", "/v1/chat/completions", json=sent)
        reader = CompletionAccumulator(_text_or_none, ChatCompletionResponse.from_dict)
        if stream:
            return request.stream(reader)
        return request.model(ChatCompletionResponse, complete_tool_calls, reader)

    def list_models(self) -> ModelsResponse:
        """Return the models that the server offers.

        Returns:
            The models in ``data``, with ``to_rows()`` for tables.

        Raises:
            InternalServerError: the server has no models configured.

        GET /v1/models
        """
        return self._request("GET", "/v1/models").model(ModelsResponse)

    def list_sessions(self, user_id: str, page: int = 1, page_size: int = 20) -> ChatSessionListResponse:
        """Return one page of a user's sessions, newest first; ``iter_sessions`` goes through all of them.

        Args:
            user_id: a UUID.
            page: from 1; a page beyond the last may be an InternalServerError.
            page_size: 1 to 100.

        Returns:
            The page: ``sessions``, ``total`` of all pages, ``has_more``.

        Raises:
            UnprocessableEntityError: an id that is no UUID, or a number outside its limits.

        GET /atoms/chat/sessions
        """
        params = {"user_id": user_id, "page": page, "page_size": page_size}
        return self._request("GET", "/atoms/chat/sessions", params=params).model(ChatSessionListResponse)

    def iter_sessions(self, user_id: str, page_size: int = 20) -> Iterator[ChatSessionSummary]:
        """Yield all sessions of a user, newest first, each once.

        If the loop deletes sessions, iterate over a ``list`` of them: the others move to pages that were
        fetched already, and would be skipped.

        Args:
            user_id: a UUID.
            page_size: sessions in each request, 1 to 100.

        GET /atoms/chat/sessions, as often as there are pages
        """
        return iter_pages(self.list_sessions, "page", user_id=user_id, page_size=page_size)

    def get_session(self, session_id: str, *, user_id: str) -> ChatSessionDetailResponse:
        """Return a session and its messages.

        Args:
            session_id: its UUID.
            user_id: the UUID of the user whose it is.

        Returns:
            The ``session`` and its ``messages``, in their order.

        Raises:
            NotFoundError: no such session, or another user's.
            UnprocessableEntityError: an id that is no UUID.

        GET /atoms/chat/sessions/{session_id}
        """
        path = self._path("/atoms/chat/sessions/{session_id}", session_id=session_id)
        detail = self._request("GET", path, params={"user_id": user_id}).model(ChatSessionDetailResponse)
        for message in detail.messages:
            message.session_id = message.session_id or detail.session.id
        return detail

    def get_platform_stats(self) -> PlatformStats:
        """Return the numbers of the whole platform.

        Returns:
            Counts of users, organisations and tool servers, and the server's health.

        GET /api/v1/platform/stats
        """
        return self._request("GET", "/api/v1/platform/stats").model(PlatformStats)

    def list_admins(self) -> AdminList:
        """Return the administrators.

        Returns:
            ``admins`` and their ``count``; it also reads like a dict with these keys.

        GET /api/v1/platform/admins
        """
        return self._request("GET", "/api/v1/platform/admins").model(AdminList)

    def add_admin(self, workos_id: str, email: str, name: str = "") -> AdminResponse:
        """Make somebody an administrator.

        Args:
            workos_id: the id of the person.
            email: the address of the person.
            name: a name to show; "" for none.

        Returns:
            The ``status`` and the address.

        Raises:
            BadRequestError: an empty id or address.
            InternalServerError: who is one already.

        POST /api/v1/platform/admins
        """
        admin = AdminRequest(workos_id, email, name or None)
        return self._request("POST", "/api/v1/platform/admins", json=admin.to_dict()).model(AdminResponse)

    def remove_admin(self, email: str) -> AdminResponse:
        """Take an administrator's rights away; an unknown address is a success too.

        Args:
            email: the address of the person.

        Returns:
            The ``status`` and the address.

        Raises:
            NotFoundError: an address with a slash, which the server cannot route.

        DELETE /api/v1/platform/admins/{email}
        """
        path = self._path("/api/v1/platform/admins/{email}", email=email)
        return self._request("DELETE", path).model(AdminResponse)

    def get_audit_log(self, limit: int = 50, offset: int = 0) -> AuditLogResponse:
        """Return one page of the audit log, newest first; ``iter_audit_log`` goes through all of it.

        Args:
            limit: entries on the page, 1 to 200.
            offset: entries to skip, from 0.

        Returns:
            The page: ``entries``; ``count`` is their number on this page, not of all.

        Raises:
            UnprocessableEntityError: a number outside its limits.

        GET /api/v1/platform/audit
        """
        params = {"limit": limit, "offset": offset}
        return self._request("GET", "/api/v1/platform/audit", params=params).model(AuditLogResponse)

    def iter_audit_log(self, limit: int = 50) -> Iterator[AuditEntry]:
        """Yield all entries of the audit log, newest first, each once.

        Args:
            limit: entries in each request, 1 to 200.

        GET /api/v1/platform/audit, as often as there are pages
        """
        return iter_pages(self.get_audit_log, "offset", limit=limit)


def _uuid(value: Optional[str], name: str) -> Optional[str]:
    """Return *value* as text; refuse what is no UUID, to which the server answers 500 without a reason."""
    if value and not re.fullmatch("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", str(value), re.IGNORECASE):
        raise InvalidRequestError(f"{name} must be a UUID: this server fails on any other id")
    return str(value) if value else value


def _metadata(told: Mapping[str, Any], given: Mapping[str, Any]) -> Optional[Dict[str, Any]]:
    """Return the metadata of a request; what the user gives as metadata wins."""
    metadata = {**{name: value for name, value in told.items() if value is not None}, **given}
    if metadata.get("user_id") and not metadata.get("session_id"):
        # The id that the server would invent is no UUID: its own history answers 500 to it.
        metadata["session_id"] = str(uuid.uuid4())
    return metadata or None


def _text_or_none(chunk: Dict[str, Any]) -> Optional[str]:
    return delta_text(chunk) or None
