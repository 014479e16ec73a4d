"""The base class of all services."""

from __future__ import annotations

import copy
import os
import re
from contextlib import contextmanager
from dataclasses import replace
from types import FunctionType
from typing import Any, ClassVar, Dict, Iterator, Mapping, Optional, Sequence, Type, TypeVar, Union

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import requote_uri
from urllib3.util import Retry

from .. import errors
from .._version import __version__
from . import json_codec
from .address import check_base_url, encode_query, quote_path_segment
from .auth import Credentials, drop_sensitive_headers, validate_headers
from .error_body import ErrorBody
from .hints import explain_calls
from .multipart import MultipartBody
from .options import Options, Service, ServiceSpec, Timeout
from .redaction import raise_alone
from .request import Request
from .transport import ServiceRequest, SharesTransport, Transport

S = TypeVar("S", bound="ServiceClient")

_USER_AGENT = f"chatsdk/{__version__}"

Params = Mapping[str, Any]
Headers = Mapping[str, str]


class ServiceClient(SharesTransport):
    """One service of a Client, such as ``client.zaguan``."""

    _spec: ClassVar[ServiceSpec]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in [*vars(cls).items()]:
            if not name.startswith("_") and isinstance(value, FunctionType):
                setattr(cls, name, explain_calls(value))

    def __init__(self, transport: Transport, settings: Service, credentials: Credentials) -> None:
        self._transport = transport
        self._use_proxies = settings.use_proxies
        self._credentials = credentials
        self._set_options(replace(settings, api_key=None))
        self._base_url: Optional[str] = None

    def __repr__(self) -> str:
        try:
            address = self.base_url or "no base_url"
        except errors.ConfigurationError:
            address = "an invalid base_url"
        key = "API key set" if self._credentials.key else "no API key"
        timeout, retries = self._options.read_timeout, self._options.retry.total
        return f"<{type(self).__name__} at {address}, {key}, timeout={timeout:g}, max_retries={retries}>"

    def __getstate__(self) -> Dict[str, Any]:
        settings = replace(self._settings, headers=drop_sensitive_headers(self._options.headers))
        return {**self.__dict__, "_settings": settings, "_options": None}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._set_options(self._settings)

    @property
    def base_url(self) -> Optional[str]:
        """The base URL from the settings, the environment or the service's default; None if there is none."""
        if self._base_url is not None:
            return self._base_url
        from_environment = os.environ.get(self._spec.env_prefix + "_BASE_URL", "").strip()
        url = self._settings.base_url or from_environment or self._spec.base_url
        with self._service_errors():
            return self._normalize_base_url(check_base_url(url, self._spec.name)) if url else None

    def set_api_key(self, api_key: Optional[str]) -> None:
        """Replace the API key, here and in all copies of this object; None for no key."""
        with self._service_errors():
            self._credentials.set_key(api_key)

    def with_options(
        self: S,
        *,
        timeout: Optional[Timeout] = None,
        max_retries: Union[int, Retry, None] = None,
        headers: Optional[Headers] = None,
        total_timeout: Optional[float] = None,
        max_response_bytes: Optional[int] = None,
    ) -> S:
        """Return a copy with other settings and the same connections and key.

        Args:
            timeout: seconds to wait for each read, or ``(connect, read)``; also between reads of a stream.
            max_retries: number of retries of requests that are safe to repeat, or a ``urllib3.util.Retry``.
            headers: additional headers.
            total_timeout: seconds for a whole call, including retries and a slow body.
            max_response_bytes: maximum size of a response that is read into memory, after decompression.

        Raises:
            ConfigurationError: a setting is invalid.
        """
        given = {
            "timeout": timeout,
            "max_retries": max_retries,
            "headers": None if headers is None else {**self._options.headers, **headers},
            "total_timeout": total_timeout,
            "max_response_bytes": max_response_bytes,
        }
        clone = copy.copy(self)
        with self._service_errors():
            changes: Dict[str, Any] = {name: value for name, value in given.items() if value is not None}
            clone._set_options(replace(self._settings, **changes))
        return clone

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Optional[Params] = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
        headers: Optional[Headers] = None,
        timeout: Optional[Timeout] = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request to any endpoint of the service, with its key, retries and errors.

        Args:
            method: ``"GET"``, ``"POST"``, ...
            path: the path after the base URL, with its leading slash.
            params: the query; None values are left out.
            json: a value to send as JSON.
            data, files: a form or an upload, as ``requests`` takes them.
            headers: additional headers.
            timeout: as in ``with_options``.
            stream: return before the body is read; ``iter_content`` of the response then reads it.

        Returns:
            The ``requests.Response``, with a status of 2xx.

        Raises:
            APIError: the request failed, or its status is not 2xx.
        """
        with self._service_errors():
            if not re.fullmatch("[A-Za-z]+", method):
                raise errors.InvalidRequestError("method must be an HTTP method such as GET")
            if not path.startswith("/"):
                raise errors.InvalidRequestError("path must begin with a slash")
            try:
                quoted = requote_uri(path).replace("#", "%23")
            except UnicodeError:
                raise errors.InvalidRequestError("path is not valid Unicode text") from None
        service = self if timeout is None else self.with_options(timeout=timeout)
        request = service._request(
            method.upper(), quoted, params=params, json=json, headers=headers, form=data, files=files
        )
        return request.response(stream)

    def _set_options(self, settings: Service) -> None:
        self._settings = settings
        self._options = Options(settings, self._spec.timeout, self._spec.max_retries)

    def _path(self, template: str, **parts: object) -> str:
        """Return *template* filled with quoted *parts*."""
        with self._service_errors():
            return template.format(**{name: quote_path_segment(part, name) for name, part in parts.items()})

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Optional[Params] = None,
        json: Any = None,
        headers: Optional[Headers] = None,
        request_id: Optional[str] = None,
        form: Any = None,
        files: Any = None,
        upload: Optional[MultipartBody] = None,
        secrets: Sequence[str] = (),
    ) -> Request:
        """Return a request ready to be sent; raises InvalidRequestError or ConfigurationError if it is not.

        Errors never repeat the *secrets* in its body.
        """
        with self._service_errors():
            base_url = self._resolve_base_url()
            request = ServiceRequest()
            request.use_proxies = self._use_proxies
            request.method = method
            request.url = base_url + path + (encode_query(params, "?" in path) if params else "")
            content: Dict[str, Any] = {"User-Agent": _USER_AGENT}
            if form is not None or files is not None:
                content.update(_add_form(request, form, files))
            elif upload is not None:
                request.body = upload
                request._body_position = 0 if upload.can_rewind else None
                content.update(upload.headers)
            elif json is not None:
                request.body = json_codec.dumps(json)
                content["Content-Type"] = "application/json"
                content["Content-Length"] = str(len(request.body))
            elif method not in ("GET", "HEAD"):
                content["Content-Length"] = "0"
            if request_id:
                headers = {**(headers or {}), "X-Request-Id": str(request_id)}
            given = validate_headers(headers) if headers else {}
            own = self._transport.add_defaults(request, params or {})
            layers = (own, content, self._call_headers(), self._options.headers, given)
            request.headers = CaseInsensitiveDict(item for layer in layers for item in layer.items())
            auth = self._credentials.auth(
                base_url, self._spec.key_header, self._spec.identity_cookie, has_secret=bool(secrets)
            )
        return Request(self, request, auth, secrets)

    @contextmanager
    def _upload(
        self, path: str, fields: Params, files: Mapping[str, Any], request_id: Optional[str] = None
    ) -> Iterator[Request]:
        """Yield a POST request with a multipart body; the end of the ``with`` block closes the files."""
        with self._service_errors():
            body = MultipartBody(fields, files)
        with body:
            yield self._request("POST", path, upload=body, request_id=request_id)

    def _resolve_base_url(self) -> str:
        """Return the base URL, and keep it; raises ConfigurationError if there is none."""
        if self._base_url is None:
            self._base_url = self.base_url
        if self._base_url is None:
            name, prefix = self._spec.name, self._spec.env_prefix
            raise errors.ConfigurationError(
                f"no base_url for {name}: pass Client({name}=...) or set {prefix}_BASE_URL"
            )
        return self._base_url

    def _call_headers(self) -> Dict[str, str]:
        """Return the headers that are different in each call; services override this."""
        return {}

    def _normalize_base_url(self, base_url: str) -> str:
        """Return *base_url* without a suffix that is part of this service's paths; services override this."""
        return base_url

    @contextmanager
    def _service_errors(self) -> Iterator[None]:
        """Raise the errors of a ``with`` block as this service's classes."""
        try:
            yield
        except errors.ChatSDKError as error:
            raise_alone(self._spec.errors.get(type(error), type(error))(error.message))

    @classmethod
    def _status_error_class(cls, status: int, failure: ErrorBody) -> Type[errors.APIStatusError]:
        """Return the error class for a status; services override this."""
        # LiteLLM sends 400, 422 or 429 for a budget that is used up.
        if not failure.codes.isdisjoint(("insufficient_credits", "budget_exceeded")):
            return errors.InsufficientCreditsError
        return errors.status_error(status)


def _add_form(request: ServiceRequest, data: Any, files: Any) -> Dict[str, Any]:
    """Set the body of *request* to a form or an upload, encoded by requests; return its headers."""
    try:
        prepared = requests.Request("POST", "http://localhost/", data=data, files=files).prepare()
    except (requests.RequestException, ValueError, TypeError):
        raise errors.InvalidRequestError("data or files cannot be sent as a form") from None
    request.body = prepared.body
    request._body_position = prepared._body_position
    names = ("Content-Type", "Content-Length", "Transfer-Encoding")
    return {name: prepared.headers[name] for name in names if name in prepared.headers}
