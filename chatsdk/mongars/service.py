"""The client of monGARS."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, List, Mapping, Optional, Union

from .._core import json_codec
from .._core.answer import ChatService
from .._core.model import build_request, request_fields
from .._core.options import ServiceSpec
from .._core.result_list import ResultList
from .._core.service import ServiceClient
from .errors import ERROR_CLASSES, ConfigurationError, InvalidRequestError
from .models import (
    ChatRequest,
    ChatResponse,
    MemoryItem,
    ModelConfiguration,
    PeerLoadSnapshot,
    PeerMessageResponse,
    PeerRegistration,
    PeerRegistrationResponse,
    PeerTelemetryEnvelope,
    PeerTelemetryPayload,
    ProvisionReport,
    ProvisionRequest,
    RagContextRequest,
    RagContextResponse,
    StatusResponse,
    SuggestRequest,
    SuggestResponse,
    TokenResponse,
    UserRegistration,
    UserRegistrationResponse,
)


class MonGARS(ServiceClient, ChatService[ChatResponse]):
    """monGARS: chat with memory, retrieval, suggestions, peers and model management.

    Call ``login`` first, or give a token: ``Service(api_key=...)``, ``MONGARS_API_KEY`` or ``set_token``.
    A token is not renewed: after it has expired, calls raise AuthenticationError.

    A method that takes a request, such as a ChatRequest, also takes a dict, or the fields as keywords.

    All errors are both a MonGARSError and a common error, such as ``chatsdk.RateLimitError``. Each method may
    raise UnprocessableEntityError: a field is missing or outside its limits, which the request classes
    document. AuthenticationError is raised for 401 and 403; a user who is not an administrator gets 403.
    """

    # The server accepts one message per second: three retries wait at least 1.75 s in total.
    _spec = ServiceSpec("mongars", "MONGARS", ERROR_CLASSES, timeout=30.0, max_retries=3)

    @property
    def token(self) -> Optional[str]:
        """The current token, or None."""
        return self._credentials.key

    def set_token(self, token: Union[str, TokenResponse, Mapping[str, Any], None]) -> None:
        """Replace the token, here and in all copies of this object.

        Args:
            token: a token, or the response of ``login``, also as a dict; None removes the token.

        Raises:
            ConfigurationError: the token is missing or invalid.
        """
        if isinstance(token, (TokenResponse, Mapping)):
            token = token.get("access_token")
            if not token:
                raise ConfigurationError("the response of the login has no access_token")
        self.set_api_key(token)

    def login(self, username: str, password: str) -> TokenResponse:
        """Log in and return the token; later calls send it, also those of copies of this object.

        If the login fails, the old token is kept.

        Raises:
            AuthenticationError: the name or the password is wrong.

        POST /token
        """
        form = {
            "username": _require_str(username, "username"),
            "password": _require_str(password, "password"),
        }
        request = self._request("POST", "/token", form=form, secrets=[password])
        del form, password  # some tools print the local variables of each frame in a traceback
        token = request.model(TokenResponse)
        self._credentials.set_key(token.access_token, username.strip())
        return token

    def register_user(
        self,
        payload: Union[UserRegistration, Mapping[str, Any], None] = None,
        *,
        username: Optional[str] = None,
        password: Optional[str] = None,
    ) -> UserRegistrationResponse:
        """Create an account (see UserRegistration); call ``login`` afterwards: the response has no token.

        Raises:
            ConflictError: the name is taken.

        POST /api/v1/user/register
        """
        body = request_fields(build_request(UserRegistration, payload, locals()))
        secrets = [_require_str(body["password"], "password")]
        request = self._request("POST", "/api/v1/user/register", json=body, secrets=secrets)
        del payload, password, body, secrets  # as in login()
        return request.model(UserRegistrationResponse)

    def change_password(self, old_password: str, new_password: str) -> StatusResponse:
        """Change the password of the current user; the token stays valid.

        Args:
            old_password, new_password: at least 8 characters each.

        Raises:
            AuthenticationError: the old password is wrong (403).
            NotFoundError: the account was deleted.

        POST /api/v1/user/change-password
        """
        body = {"old_password": old_password, "new_password": new_password}
        secrets = [_require_str(value, name) for name, value in body.items()]
        request = self._request("POST", "/api/v1/user/change-password", json=body, secrets=secrets)
        del old_password, new_password, body, secrets  # as in login()
        return request.model(StatusResponse)

    def list_users(self) -> List[str]:
        """Return the names of all accounts; administrators only.

        GET /api/v1/user/list
        """
        return self._request("GET", "/api/v1/user/list").list(_is_string_list, "users")

    def chat(
        self,
        payload: Union[ChatRequest, Mapping[str, Any], None] = None,
        *,
        message: Optional[str] = None,
        session_id: Optional[str] = None,
        allowed_actions: Optional[List[str]] = None,
        approval_token: Optional[str] = None,
        token_ref: Optional[str] = None,
    ) -> ChatResponse:
        """Send a message (see ChatRequest) and return the answer.

        The server accepts one message per second and user; a message sent too early is retried. If the model
        is down, the server returns a normal answer (``The response service is temporarily unavailable. ...``)
        with ``confidence`` 0.0; short answers can have that confidence too. HTML is removed from messages.

        Raises:
            RateLimitError: too many messages; all retries were refused.
            APIStatusError: 413, the prompt is too long for the model.
            InternalServerError: the model failed (502) or timed out (504); the message is not sent again.

        POST /api/v1/conversation/chat
        """
        body = build_request(ChatRequest, payload, locals())
        return self._request("POST", "/api/v1/conversation/chat", json=body).model(ChatResponse)

    def history(self, user_id: Optional[str] = None, limit: int = 10) -> ResultList[MemoryItem]:
        """Return the latest messages of the current user with their answers, newest first.

        It may lag behind ``chat``, has nothing older than 24 hours, and is empty if the database fails.

        Args:
            user_id: the current user, even for administrators; by default the user of the token or ``login``.
            limit: at least 1; the server returns 100 at most.

        Raises:
            InvalidRequestError: no ``user_id`` was given, and neither the token nor ``login`` has the user.
            AuthenticationError: ``user_id`` is another user (403).

        GET /api/v1/conversation/history
        """
        if user_id is None:
            user_id = _jwt_subject(self.token) or self._credentials.user
            if not user_id:
                raise InvalidRequestError("the user is unknown without a login: pass user_id")
        params = {"user_id": user_id, "limit": limit}
        return self._request("GET", "/api/v1/conversation/history", params=params).records(MemoryItem)

    def fetch_rag_context(
        self,
        request: Union[RagContextRequest, Mapping[str, Any], None] = None,
        *,
        query: Optional[str] = None,
        repositories: Optional[List[str]] = None,
        max_results: Optional[int] = None,
    ) -> RagContextResponse:
        """Return files that are relevant to a question (see RagContextRequest); none if the search failed.

        Raises:
            InternalServerError: 503, retrieval is disabled on the server, which is its default.

        POST /api/v1/review/rag-context
        """
        body = build_request(RagContextRequest, request, locals())
        return self._request("POST", "/api/v1/review/rag-context", json=body).model(RagContextResponse)

    def suggest_actions(
        self,
        request: Union[SuggestRequest, Mapping[str, Any], None] = None,
        *,
        prompt: Optional[str] = None,
        actions: Optional[List[str]] = None,
    ) -> SuggestResponse:
        """Rank actions by how well they fit a prompt (see SuggestRequest), best first.

        POST /api/v1/ui/suggestions
        """
        body = build_request(SuggestRequest, request, locals())
        return self._request("POST", "/api/v1/ui/suggestions", json=body).model(SuggestResponse)

    def send_peer_message(self, payload: Union[str, Mapping[str, Any]]) -> PeerMessageResponse:
        """Deliver an encrypted message of another node and return it decrypted.

        Args:
            payload: the message, a Fernet token made with the server's secret; or a dict with ``payload``.

        Raises:
            BadRequestError: the server cannot decrypt it.

        POST /api/v1/peer/message
        """
        body = payload if isinstance(payload, Mapping) else {"payload": payload}
        return self._request("POST", "/api/v1/peer/message", json=body).model(PeerMessageResponse)

    def register_peer(
        self,
        registration: Union[PeerRegistration, Mapping[str, Any], None] = None,
        *,
        url: Optional[str] = None,
    ) -> PeerRegistrationResponse:
        """Add a peer; adding it again is not an error; administrators only.

        POST /api/v1/peer/register
        """
        body = build_request(PeerRegistration, registration, locals())
        return self._request("POST", "/api/v1/peer/register", json=body).model(PeerRegistrationResponse)

    def unregister_peer(
        self,
        registration: Union[PeerRegistration, Mapping[str, Any], None] = None,
        *,
        url: Optional[str] = None,
    ) -> PeerRegistrationResponse:
        """Remove a peer; an unknown one is not an error; administrators only.

        POST /api/v1/peer/unregister
        """
        body = build_request(PeerRegistration, registration, locals())
        return self._request("POST", "/api/v1/peer/unregister", json=body).model(PeerRegistrationResponse)

    def list_peers(self) -> List[str]:
        """Return the URLs of all peers, sorted and normalized; administrators only.

        GET /api/v1/peer/list
        """
        return self._request("GET", "/api/v1/peer/list").list(_is_string_list)

    def peer_load(self) -> PeerLoadSnapshot:
        """Return the load of the server; administrators only.

        GET /api/v1/peer/load
        """
        return self._request("GET", "/api/v1/peer/load").model(PeerLoadSnapshot)

    def publish_peer_telemetry(
        self,
        payload: Union[PeerTelemetryPayload, Mapping[str, Any], None] = None,
        *,
        scheduler_id: Optional[str] = None,
        queue_depth: Optional[int] = None,
        active_workers: Optional[int] = None,
        concurrency: Optional[int] = None,
        load_factor: Optional[float] = None,
        worker_uptime_seconds: Optional[float] = None,
        tasks_processed: Optional[int] = None,
        tasks_failed: Optional[int] = None,
        task_failure_rate: Optional[float] = None,
        observed_at: Union[datetime, str, None] = None,
        source: Optional[str] = None,
    ) -> StatusResponse:
        """Report the load of a node (see PeerTelemetryPayload); administrators only.

        It replaces the last report with the same ``source``, or else ``scheduler_id``, and expires after 2
        minutes.

        POST /api/v1/peer/telemetry
        """
        body = build_request(PeerTelemetryPayload, payload, locals())
        return self._request("POST", "/api/v1/peer/telemetry", json=body).model(StatusResponse)

    def peer_telemetry(self) -> PeerTelemetryEnvelope:
        """Return the latest reports of all nodes, newest first; administrators only.

        GET /api/v1/peer/telemetry
        """
        return self._request("GET", "/api/v1/peer/telemetry").model(PeerTelemetryEnvelope)

    def model_configuration(self) -> ModelConfiguration:
        """Return the active profile of models and the names of all profiles; administrators only.

        GET /api/v1/models
        """
        return self._request("GET", "/api/v1/models").model(ModelConfiguration)

    def provision_models(
        self,
        request: Union[ProvisionRequest, Mapping[str, Any], None] = None,
        *,
        roles: Optional[List[str]] = None,
        force: Optional[bool] = None,
    ) -> ProvisionReport:
        """Download models (see ProvisionRequest) and return the result of each; administrators only.

        A failed download raises nothing: its row has the action ``error``. There may be more rows than roles
        (adapters); an unknown role returns the row of the role ``general``. Downloads can take minutes: use
        ``with_options(timeout=...)``.

        Raises:
            APITimeoutError: no answer in time; the server continues.

        POST /api/v1/models/provision
        """
        body = build_request(ProvisionRequest, request, locals())
        return self._request("POST", "/api/v1/models/provision", json=body).model(ProvisionReport)

    def health(self) -> StatusResponse:
        """Return the status ``ok`` if the server is running; no token needed.

        GET /healthz
        """
        return self._request("GET", "/healthz").model(StatusResponse)

    def ready(self) -> StatusResponse:
        """Return the status ``ready`` if the server accepts requests; no token needed.

        GET /ready
        """
        return self._request("GET", "/ready").model(StatusResponse)


def _require_str(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def _is_string_list(value: Any) -> bool:
    return isinstance(value, list) and {str}.issuperset(map(type, value))


def _jwt_subject(token: Optional[str]) -> Optional[str]:
    """Return the claim ``sub`` of a JWT without checking its signature; None if there is none."""
    try:
        _, claims, _ = (token or "").split(".")
        subject = json_codec.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]  # surplus "=" is ignored
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return subject if isinstance(subject, str) and subject.strip() else None
