"""Sends one request; raises every failure as one of the library's errors."""

from __future__ import annotations

import time
import zlib
from dataclasses import fields
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, Type, TypeVar, cast

import requests
from urllib3.exceptions import HTTPError as URLLib3Error, ProtocolError
from urllib3.util import Timeout

from .. import errors
from . import json_codec
from .address import redirect_target
from .auth import OriginAuth, header_secrets
from .body import BodyError, ResponseBody
from .call import CallContext
from .causes import PROXY_AUTH, describe, is_timeout, is_unsent, iter_causes
from .error_body import decode_failure, parse_error_body
from .redaction import Redactor, raise_alone, redact_members, redact_new_secret
from .retry import SAFE_METHODS, Attempts, wait_after
from .transport import ServiceRequest

if TYPE_CHECKING:
    from .service import ServiceClient

E = TypeVar("E", bound=errors.APIError)
T = TypeVar("T")

# The errors of requests, urllib3, http.client, sockets and zlib.
TRANSPORT_ERRORS = (requests.RequestException, URLLib3Error, HTTPException, OSError, zlib.error, ValueError)

_SHOWN_BODY = 2000  # characters of an invalid body that its error keeps
_SHOWN_START = 65536  # bytes that are redacted to get them: redaction changes the length


class Exchange:
    """One request with its limits, and the errors that it raises."""

    def __init__(
        self, service: ServiceClient, request: ServiceRequest, auth: OriginAuth, secrets: Sequence[str] = ()
    ) -> None:
        self._service = service
        self._transport = service._transport
        self._spec = service._spec
        self._request = request
        self._auth = auth
        self._secrets = secrets
        self.answer_class: Optional[Type[Any]] = None  # the class of the result, if it is a model
        self.options = options = service._options
        self.limit = options.max_response_bytes
        self.headers = request.headers
        self.read_timeout = options.read_timeout
        total = options.total_timeout
        deadline = None if total is None else time.monotonic() + total
        self._call = request.call = CallContext(request.method or "", request.url or "", deadline)
        sent_id = request.headers.get("X-Request-Id")
        self._request_id = sent_id if isinstance(sent_id, str) else None

    @property
    def address(self) -> str:
        """The method and the URL without the values in its query."""
        return f"{self._call.method} {self._call.url}"

    def run(self, read_body: bool = True) -> requests.Response:
        """Send the request, with retries; return the 2xx response, with or without its body read."""
        attempts = Attempts(self._call, None if self._transport.has_user_session else self.options.retry)
        while True:
            response = self._send(attempts)
            succeeded = _is_success(response)
            try:
                if read_body or not succeeded:
                    self.read_body(response)
            except errors.APIConnectionError as error:
                self._call.log(type(error).__name__)
                cut = ProtocolError("the body was cut")
                if self._call.method not in SAFE_METHODS or not attempts.after_error(cut):
                    raise
                continue
            self._call.log(response.status_code)
            if succeeded:
                return response
            failure = self._status_error(response)
            if not attempts.after_status(response, parse_error_body(failure.body)):
                raise failure

    def connect(self, upgrade: Callable[[ServiceRequest, Mapping[str, Any], Timeout], T]) -> T:
        """Return the connection that *upgrade* opens for the signed request, such as a WebSocket.

        *upgrade* also gets proxies, CA bundle and certificate, as requests names them, and the timeouts.
        """
        settings = self._transport.settings(self._auth.origin, self._request.use_proxies)
        signed = self._transport.sign(self._request, self._auth)
        try:
            connection = upgrade(signed, settings, self._timeout())
        except Exception as error:
            self._call.log(type(error).__name__)
            raise
        self._call.log(101)
        return connection

    def body(self, response: requests.Response) -> ResponseBody:
        """Return the body of *response*, to be read in pieces."""
        return ResponseBody(response, self._call)

    def read_body(self, response: requests.Response, body: Optional[ResponseBody] = None) -> None:
        """Read the body of *response*, or the rest of *body*, into the response."""
        body = body or self.body(response)
        content = b""
        try:
            content = body.read(self.limit)
        except BodyError as error:
            body.close()
            if _is_success(response):
                raise_alone(self.invalid_response_error(response, str(error)))
        except TRANSPORT_ERRORS as error:
            body.close()
            if _is_success(response):  # a failure is reported by its status even if its text was cut
                raise_alone(self.connection_error(error), self.safe_cause(error))
        response._content = content
        response._content_consumed = True
        response.encoding = "utf-8"
        if response.status_code >= 500:
            self._transport.close_idle_connections(response)

    def json(self, response: requests.Response) -> Any:
        """Return the decoded body of *response*."""
        try:
            return json_codec.loads(response.content, "replace")
        except (ValueError, RecursionError) as error:
            raise_alone(self.invalid_response_error(response, "no valid JSON"), self.safe_cause(error))

    def object(self, response: requests.Response) -> Dict[str, Any]:
        """Return the decoded body of *response*, which must be a JSON object."""
        value = self.json(response)
        if not isinstance(value, dict):
            raise self.invalid_response_error(response, "JSON that is not an object")
        return value

    def error(self, kind: Type[E], message: str, **details: Any) -> E:
        """Return an error of the service's class for *kind*, with the request it belongs to."""
        own = cast(Type[E], self._spec.errors.get(kind, kind))
        error = own(self._redactor.redact_text(message))
        error.service = self._spec.name
        error.request_id = self._request_id and self._redactor.redact_text(self._request_id)
        error.method, error.url = self._call.method, self._call.url
        for name, value in details.items():
            setattr(error, name, value)
        return error

    def invalid_response_error(
        self, response: requests.Response, what: str, message: Optional[str] = None
    ) -> errors.APIResponseError:
        """Return the error for a 2xx response with *what* as its body; *message* is the server's own."""
        content_type = self._redactor.redact_text(response.headers.get("Content-Type", ""))
        start = (response._content or b"")[:_SHOWN_START]
        text = self._redactor.redact_text(start.decode("utf-8", "replace"))[:_SHOWN_BODY]
        return self.error(
            errors.APIResponseError,
            message or f"{self._spec.name} sent {what} ({content_type[:100] or 'no content type'})",
            status_code=response.status_code,
            content_type=content_type,
            body=redact_new_secret(text) if self._has_secret_answer() else redact_members(text),
            response=response,
        )

    def connection_error(
        self, error: BaseException, kind: Type[errors.APIError] = errors.APIConnectionError
    ) -> errors.APIError:
        """Return the error for a request that failed with *error*: APITimeoutError or *kind*."""
        causes = list(iter_causes(error))
        place = f"{self._spec.name} at {self._auth.origin.rstrip('/')}"
        if is_timeout(causes):
            return self.error(errors.APITimeoutError, f"no answer in time from {place}")
        return self.error(kind, f"the connection to {place} failed: {describe(causes)}")

    def safe_cause(self, error: BaseException) -> Optional[BaseException]:
        """Return the cause, or None if its text would leak the key or the request."""
        return self._redactor.safe_cause(error, (self._request.url or "").partition("?")[2])

    def decode_error(self, data: bytes) -> Any:
        """Return the decoded JSON of *data*, or its text, without the secrets of the request."""
        try:
            return self._redactor.redact_value(decode_failure(data))
        except (ValueError, RecursionError):  # nested too deeply
            return self._redactor.redact_text(data.decode("utf-8", "replace"))

    def _has_secret_answer(self) -> bool:
        """Return whether the response holds a new key or token."""
        return self.answer_class is not None and not all(field.repr for field in fields(self.answer_class))

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor([*self._auth.secrets, *self._secrets, *header_secrets(self._request.headers)])

    def _timeout(self) -> Timeout:
        """Return the timeouts of one attempt."""
        deadline = self._call.deadline
        left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
        return Timeout(connect=self.options.connect_timeout, read=self.read_timeout, total=left)

    def _send(self, attempts: Attempts) -> requests.Response:
        while True:
            try:
                response = self._transport.send(self._request, self._auth, self._timeout())
                break
            except TRANSPORT_ERRORS as error:
                if isinstance(error, requests.HTTPError) and error.response is not None:
                    response = error.response  # a redirect, or a hook of the user called raise_for_status()
                    break
                broken = self.connection_error(error)
                if isinstance(broken, errors.APIConnectionError):
                    broken.unsent = is_unsent(iter_causes(error))
                self._call.log(type(broken).__name__)
                if not attempts.after_error(error):
                    raise_alone(broken, self.safe_cause(error))
        if self._transport.has_user_session:
            attempts.policy = getattr(response.raw, "retries", None)  # of its adapter
        self._request_id = response.headers.get("X-Request-Id") or self._request_id
        self._auth.store_identity_cookie(response)
        return response

    def _status_error(self, response: requests.Response) -> errors.APIStatusError:
        status = response.status_code
        body = self.decode_error(response.content)
        failure = parse_error_body(body)
        message = failure.message or f"HTTP {status} {response.reason or ''}".rstrip()
        kind = self._service._status_error_class(status, failure)
        if 300 <= status < 400 and "Location" in response.headers:
            target = redirect_target(response.url, response.headers.get("Location", ""))
            message = f"HTTP {status}: the server redirects to {target or 'nowhere'}; "
            message += "redirects are not followed, fix base_url"
        hint = PROXY_AUTH if status == 407 else None
        has_key = self._auth.key or self._secrets or any(header_secrets(self._request.headers))
        if status == 401 and not has_key:
            given = f"Client({self._spec.name}=Service(..., api_key=...))"
            hint = f"no API key is set: give {given} or set {self._spec.env_prefix}_API_KEY"
        return self.error(
            kind,
            message,
            status_code=status,
            code=failure.code,
            type=failure.type,
            param=failure.param,
            body=body,
            response=response,
            hint=hint,
            retry_after=wait_after(response.headers, failure),
        )


def _is_success(response: requests.Response) -> bool:
    return 200 <= response.status_code < 300
