"""monGARS: chat with a memory, retrieval, suggestions, peers and model management."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, List, Mapping, Optional, Union

from .._core import json_codec
from .._core.answer import ChatService
from .._core.dates import format_utc
from .._core.model import build_request, to_send
from .._core.options import ServiceSpec
from .._core.result_list import ResultList
from .._core.service import ServiceClient
from .errors import OWN_CLASSES, ConfigurationError, InvalidRequestError
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
    """The endpoints of monGARS.

    Call ``login`` first, or bring a token: ``Service(api_key=...)``, ``MONGARS_API_KEY`` or ``set_token``.
    A token is not renewed by itself: once it has expired, calls raise AuthenticationError.

    All methods raise MonGARSError, which is always one of the library's errors as well. AuthenticationError
    is raised for 401 and for 403; ``status_code`` tells them apart.
    """

    # The server takes one message a second: the waits before three more attempts are 1.75 s at least.
    _spec = ServiceSpec("mongars", "MONGARS", OWN_CLASSES, timeout=30.0, max_retries=3)

    @property
    def token(self) -> Optional[str]:
        """The token in force, or None."""
        return self._credentials.key

    def set_token(self, token: Union[str, TokenResponse, Mapping[str, Any], None]) -> None:
        """Use another token from now on, here and in all copies of this object.

        Args:
            token: the token, or the whole answer of ``login``, also as a dict; None for no token.

        Raises:
            ConfigurationError: there is no usable token in it.
        """
        if isinstance(token, (TokenResponse, Mapping)):
            found = token.get("access_token")
            if not found:
                raise ConfigurationError("there is no access_token in this answer")
            token = str(found)
        self.set_api_key(token)

    def login(self, username: str, password: str) -> TokenResponse:
        """Log in; all later calls, also of copies of this object, carry the new token.

        Where it fails, the token before it stays in force.

        Args:
            username: the name of the account.
            password: its password.

        Returns:
            The token, to be kept by who wants to use it elsewhere.

        Raises:
            AuthenticationError: the name or the password is wrong; it is not tried again.

        POST /token
        """
        # A form: the one endpoint that takes no JSON.
        form = {"username": _text(username, "username"), "password": _text(password, "password")}
        request = self._request("POST", "/token", form=form, secrets=[password])
        del form, password  # tools that show tracebacks show the variables of each function in them
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
        """Make a new account; ``login`` afterwards, since the answer brings no token.

        Args:
            payload: a UserRegistration or a dict; or give its fields as keywords.

        Returns:
            The ``status``.

        Raises:
            ConflictError: the name is taken.
            UnprocessableEntityError: a name or password that the server does not allow.

        POST /api/v1/user/register
        """
        body = to_send(build_request(UserRegistration, payload, locals()))
        password = _text(body.get("password"), "password")
        return self._request("POST", "/api/v1/user/register", json=body, secrets=[password]).model(
            UserRegistrationResponse
        )

    def change_password(self, old_password: str, new_password: str) -> StatusResponse:
        """Change the password of the user whose token is in force; the token stays valid.

        Args:
            old_password, new_password: at least 8 characters each.

        Returns:
            The status ``changed``.

        Raises:
            AuthenticationError: the old password is wrong (403).
            NotFoundError: the account is gone.
            UnprocessableEntityError: a password that is too short.

        POST /api/v1/user/change-password
        """
        secrets = [_text(old_password, "old_password"), _text(new_password, "new_password")]
        body = {"old_password": old_password, "new_password": new_password}
        return self._request("POST", "/api/v1/user/change-password", json=body, secrets=secrets).model(
            StatusResponse
        )

    def list_users(self) -> List[str]:
        """Return the names of all accounts; for administrators.

        Raises:
            AuthenticationError: the token is no administrator's (403).

        GET /api/v1/user/list
        """
        return self._request("GET", "/api/v1/user/list").list(_are_texts, "users")

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
        """Send a message and wait for the answer.

        The server takes one message in a second from each user; what it refuses for that is not sent again,
        since it does not say how long to wait. When its model is out of order it apologises with a normal
        answer (``The response service is temporarily unavailable. ...``) whose ``confidence`` is 0.0; short
        answers may have that confidence too. It cleans messages of HTML before it reads and stores them.

        Args:
            payload: a ChatRequest or a dict; or give its fields as keywords.

        Returns:
            The answer; ``.response``, or ``.text``, is its text.

        Raises:
            RateLimitError: less than a second after the message before it.
            UnprocessableEntityError: a field outside its limits, such as an empty list of allowed actions.
            APIStatusError: 413, the prompt is too long for the model.
            InternalServerError: the model failed (502) or took too long (504); the message is not sent again.

        POST /api/v1/conversation/chat
        """
        body = build_request(ChatRequest, payload, locals())
        return self._request("POST", "/api/v1/conversation/chat", json=body).model(ChatResponse)

    def history(self, user_id: Optional[str] = None, limit: int = 10) -> ResultList[MemoryItem]:
        """Return the user's last questions and answers, newest first.

        No proof that a message was stored: it may lag behind ``chat``, and is empty when the database of
        the server fails. Nothing in it is older than a day.

        Args:
            user_id: the user whose token is in force, the only one that the server allows; by default the
                one that the token names, or who logged in.
            limit: at least 1; the server gives 100 at most.

        Returns:
            A list of MemoryItem, with ``to_rows()`` for tables.

        Raises:
            InvalidRequestError: no ``user_id``, and neither token nor login tell it.
            AuthenticationError: the history of another user (403), for administrators too.
            UnprocessableEntityError: a limit below 1, or a blank ``user_id``.

        GET /api/v1/conversation/history
        """
        params = {"user_id": self._user() if user_id is None else user_id, "limit": limit}
        return self._request("GET", "/api/v1/conversation/history", params=params).records(MemoryItem)

    def fetch_rag_context(
        self,
        request: Union[RagContextRequest, Mapping[str, Any], None] = None,
        *,
        query: Optional[str] = None,
        repositories: Optional[List[str]] = None,
        max_results: Optional[int] = None,
    ) -> RagContextResponse:
        """Find the files of repositories that bear on a question.

        Args:
            request: a RagContextRequest or a dict; or give its fields as keywords.

        Returns:
            ``references`` and ``focus_areas``; both are empty too where the server's own source failed.

        Raises:
            InternalServerError: 503, the server has this switched off, which is its default.
            UnprocessableEntityError: a field outside its limits.

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
        """Rank the actions that a user may want next.

        Args:
            request: a SuggestRequest or a dict; or give its fields as keywords.

        Returns:
            ``actions``, best first, and their ``scores``.

        Raises:
            UnprocessableEntityError: a field outside its limits, such as an empty list of actions.

        POST /api/v1/ui/suggestions
        """
        body = build_request(SuggestRequest, request, locals())
        return self._request("POST", "/api/v1/ui/suggestions", json=body).model(SuggestResponse)

    def send_peer_message(self, payload: Union[str, Mapping[str, Any]]) -> PeerMessageResponse:
        """Hand over a message that another node has encrypted.

        Args:
            payload: the message as it is, a Fernet token under the server's own secret; or a dict that has
                it as ``payload``.

        Returns:
            The receipt; ``data`` is the message in clear.

        Raises:
            InvalidRequestError: a dict without ``payload``; nothing was sent.
            BadRequestError: the server cannot decrypt it.
            UnprocessableEntityError: a blank payload.

        POST /api/v1/peer/message
        """
        body = dict(payload) if isinstance(payload, Mapping) else {"payload": payload}
        if "payload" not in body:
            raise InvalidRequestError("a peer message must have a payload")
        _text(body["payload"], "payload")
        return self._request("POST", "/api/v1/peer/message", json=body).model(PeerMessageResponse)

    def register_peer(
        self,
        registration: Union[PeerRegistration, Mapping[str, Any], None] = None,
        *,
        url: Optional[str] = None,
    ) -> PeerRegistrationResponse:
        """Add a peer; for administrators. One that is there already is a success too.

        Args:
            registration: a PeerRegistration or a dict; or give its field ``url`` as a keyword.

        Returns:
            The status, ``registered`` or ``already registered``, and the number of peers.

        Raises:
            AuthenticationError: the token is no administrator's (403).
            UnprocessableEntityError: no http or https URL.

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
        """Remove a peer; for administrators. An unknown one is a success too.

        Args:
            registration: a PeerRegistration or a dict; or give its field ``url`` as a keyword.

        Returns:
            The status, ``unregistered`` or ``not registered``, and the number of peers.

        Raises:
            AuthenticationError: the token is no administrator's (403).
            UnprocessableEntityError: no http or https URL.

        POST /api/v1/peer/unregister
        """
        body = build_request(PeerRegistration, registration, locals())
        return self._request("POST", "/api/v1/peer/unregister", json=body).model(PeerRegistrationResponse)

    def list_peers(self) -> List[str]:
        """Return the addresses of all peers, sorted and in the server's own spelling; for administrators.

        Raises:
            AuthenticationError: the token is no administrator's (403).

        GET /api/v1/peer/list
        """
        return self._request("GET", "/api/v1/peer/list").list(_are_texts)

    def peer_load(self) -> PeerLoadSnapshot:
        """Return how busy the server itself is; for administrators.

        Raises:
            AuthenticationError: the token is no administrator's (403).

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
        """Report the load of a node; for administrators.

        It takes the place of the last report with the same ``source``, or else ``scheduler_id``, and is
        forgotten after two minutes.

        Args:
            payload: a PeerTelemetryPayload or a dict; or give its fields as keywords.

        Returns:
            The status ``accepted``.

        Raises:
            InvalidRequestError: a number is NaN or infinite.
            AuthenticationError: the token is no administrator's (403).
            UnprocessableEntityError: a negative number.

        POST /api/v1/peer/telemetry
        """
        body = to_send(build_request(PeerTelemetryPayload, payload, locals()))
        observed_at = body.get("observed_at")
        if isinstance(observed_at, datetime):
            body["observed_at"] = format_utc(observed_at)
        return self._request("POST", "/api/v1/peer/telemetry", json=body).model(StatusResponse)

    def peer_telemetry(self) -> PeerTelemetryEnvelope:
        """Return the latest reports of all nodes, newest first; for administrators.

        Returns:
            The reports in ``telemetry``, with ``to_rows()`` for tables.

        Raises:
            AuthenticationError: the token is no administrator's (403).

        GET /api/v1/peer/telemetry
        """
        return self._request("GET", "/api/v1/peer/telemetry").model(PeerTelemetryEnvelope)

    def model_configuration(self) -> ModelConfiguration:
        """Return the models that the server uses; for administrators.

        Returns:
            The active profile and the names of all.

        Raises:
            AuthenticationError: the token is no administrator's (403).

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
        """Have the server fetch its models; for administrators.

        A model that could not be had is no error, but a row with the action ``error``. There may be more
        rows than roles (adapters); an unknown role gives the row of the role ``general``. Downloads take
        their time: ``with_options(timeout=...)``.

        Args:
            request: a ProvisionRequest or a dict; or give its fields as keywords; nothing for all roles.

        Returns:
            What became of each model, in ``statuses``.

        Raises:
            AuthenticationError: the token is no administrator's (403).
            UnprocessableEntityError: a blank role.
            APITimeoutError: no answer in time; the server goes on.

        POST /api/v1/models/provision
        """
        body = build_request(ProvisionRequest, request, locals())
        return self._request("POST", "/api/v1/models/provision", json=body).model(ProvisionReport)

    def health(self) -> StatusResponse:
        """Return whether the server lives: the status ``ok``. It needs no token.

        GET /healthz
        """
        return self._request("GET", "/healthz").model(StatusResponse)

    def ready(self) -> StatusResponse:
        """Return whether the server can work: the status ``ready``. It needs no token.

        GET /ready
        """
        return self._request("GET", "/ready").model(StatusResponse)

    def _user(self) -> str:
        user = _subject(self._credentials.key) or self._credentials.user
        if not user:
            raise InvalidRequestError("whose history? log in first, or give user_id")
        return user


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    return value


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and {str}.issuperset(map(type, value))


def _subject(token: Optional[str]) -> Optional[str]:
    """Return the name of the user whose *token* it is; None where it is no JWT, or does not say.

    The signature is not checked: only the server can, and it does.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    claims = parts[1]
    try:
        found = json_codec.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (ValueError, RecursionError):
        return None
    name = found.get("sub") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name.strip() else None
