"""The base of all services: what lets a method be a few lines that read like its line in the contract."""

from __future__ import annotations

import copy
import os
import re
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
)

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import requote_uri
from urllib3.util import Retry

from .. import errors
from .._version import __version__
from . import codec
from .address import check_base_url, path_part, query_string
from .auth import Credentials, clean_headers, without_secrets
from .exchange import Exchange
from .failures import Failure, has_failure, read_failure
from .model import Model, adopt, adopt_all, is_list_of_objects, missing_essential
from .options import Service, Timeout, change_options, make_options
from .records import Records
from .stream import Stream, StreamReader, open_stream
from .transport import Outgoing, SharesTransport, Transport

if TYPE_CHECKING:
    from .download import Download

M = TypeVar("M", bound=Model)
S = TypeVar("S", bound="ServiceBase")
T = TypeVar("T")
R = TypeVar("R")

_USER_AGENT = f"chatsdk/{__version__}"

Params = Mapping[str, Any]
Headers = Mapping[str, str]


def _itself(value: Any) -> Any:
    return value


def member(name: str) -> Callable[[Any], Any]:
    """Return the function that takes the value *name* out of a decoded answer; None where there is none."""
    return lambda body: body.get(name) if isinstance(body, dict) else None


class ServiceBase(SharesTransport):
    """One service of a Client, such as ``client.zaguan``."""

    service: ClassVar[str]
    prefix: ClassVar[str]  # of its environment variables
    default_base_url: ClassVar[Optional[str]] = None
    default_timeout: ClassVar[float]  # seconds
    default_retries: ClassVar[int]
    key_header: ClassVar[str] = "Authorization"  # which holds "Bearer KEY"; any other holds the bare key
    identity_cookie: ClassVar[Optional[str]] = None  # the one cookie that is kept, for this service alone
    _own_classes: ClassVar[errors.OwnClasses]  # its errors, by the common ones

    def __init__(self, transport: Transport, settings: Service, credentials: Credentials) -> None:
        self._transport = transport
        self._given_url = settings.base_url
        self._credentials = credentials
        self._options = make_options(settings, self.default_timeout, self.default_retries)
        self._base_url: Optional[str] = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._given_url or 'no given address'}>"

    def __getstate__(self) -> Dict[str, Any]:
        options = self._options.changed(headers=without_secrets(self._options.headers))
        return {**self.__dict__, "_options": options}

    def set_api_key(self, api_key: Optional[str]) -> None:
        """Use another API key from now on, here and in all copies of this object; None for no key."""
        with self._owning():
            self._credentials.become(api_key)

    def with_options(
        self: S,
        *,
        timeout: Optional[Timeout] = None,
        max_retries: Union[int, Retry, None] = None,
        headers: Optional[Headers] = None,
        total_timeout: Optional[float] = None,
        max_response_bytes: Optional[int] = None,
    ) -> S:
        """Return a copy with other settings, which shares connections and key.

        Args:
            timeout: seconds to wait for each read, or ``(connect, read)``; also between reads of a stream.
            max_retries: how often a safe request is sent again, or a ``urllib3.util.Retry`` of your own.
            headers: further headers, beside those in force.
            total_timeout: seconds for a whole call, retries and a slow body included.
            max_response_bytes: the most that is read into memory of one answer, decompressed.

        Raises:
            ConfigurationError: one of them cannot work.
        """
        twin = copy.copy(self)
        with self._owning():
            twin._options = change_options(
                self._options, timeout, max_retries, headers, total_timeout, max_response_bytes
            )
        return twin

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
        """Send any request to the service, with its key, retries and errors.

        The way to endpoints that this library does not know yet.

        Args:
            method: ``"GET"``, ``"POST"``, ...
            path: what follows the base URL, from its slash on.
            params: the query; None values are left out.
            json: a value to send as JSON.
            data, files: a form or an upload, as ``requests`` takes them.
            headers: further headers.
            timeout: as in ``with_options``.
            stream: leave the body unread, for ``iter_content`` of the response.

        Returns:
            The ``requests.Response``; its status is a success.

        Raises:
            APIError: as everywhere; also for a status that is no success.
        """
        if timeout is not None:
            return self.with_options(timeout=timeout).request(
                method, path, params=params, json=json, data=data, files=files, headers=headers, stream=stream
            )
        if not re.fullmatch("[A-Za-z]+", method):
            raise self._own(errors.InvalidRequestError("method must be a word such as GET"))
        if not path.startswith("/"):
            raise self._own(errors.InvalidRequestError("path must begin with a slash"))
        try:
            quoted = requote_uri(path).replace("#", "%23")
        except UnicodeError:
            raise self._own(errors.InvalidRequestError("path is not valid Unicode text")) from None
        exchange = self._exchange(
            method.upper(),
            quoted,
            params=params,
            json=json,
            headers=headers,
            form=data,
            files=files,
            accept="*/*",
        )
        return exchange.open() if stream else exchange.run()

    # What the methods of the services are made of.

    def _path(self, template: str, **parts: object) -> str:
        """Return *template* with its parts quoted."""
        with self._owning():
            return template.format(**{name: path_part(part, name) for name, part in parts.items()})

    def _fetch(
        self,
        cls: Type[M],
        method: str,
        path: str,
        *,
        params: Optional[Params] = None,
        json: Any = None,
        form: Optional[Mapping[str, str]] = None,
        headers: Optional[Headers] = None,
        secrets: Sequence[str] = (),
        find: Callable[[Dict[str, Any]], Dict[str, Any]] = _itself,
    ) -> M:
        """Return what *find* makes of the decoded answer to a request, as a *cls*.

        Errors never repeat the *secrets* that the request holds.
        """
        exchange = self._exchange(
            method, path, params=params, json=json, form=form, headers=headers, secrets=secrets
        )
        response = exchange.run()
        body = exchange.object(response)
        found = find(body)
        missing = missing_essential(cls, found)
        if missing is not None:
            said = read_failure(body).message if has_failure(body) else None
            raise exchange.unreadable(response, f"an answer without {missing!r}", said)
        return adopt(cls, found)

    def _fetch_records(
        self,
        cls: Type[M],
        method: str,
        path: str,
        find: Callable[[Any], Any] = _itself,
        *,
        params: Optional[Params] = None,
        headers: Optional[Headers] = None,
    ) -> Records[M]:
        """Return the list that *find* finds in the decoded answer, as *cls* objects."""
        found = self._fetch_list(is_list_of_objects, method, path, find, params=params, headers=headers)
        return Records(adopt_all(cls, found))

    def _fetch_list(
        self,
        is_right: Callable[[Any], bool],
        method: str,
        path: str,
        find: Callable[[Any], Any] = _itself,
        *,
        params: Optional[Params] = None,
        headers: Optional[Headers] = None,
    ) -> List[Any]:
        """Return the list that *find* finds in the decoded answer, which must be *is_right*."""
        exchange = self._exchange(method, path, params=params, headers=headers)
        response = exchange.run()
        found: List[Any] = find(exchange.json(response))
        if not is_right(found):
            raise exchange.unreadable(response, "JSON without the list that belongs there")
        return found

    def _download(self, path: str, *, params: Optional[Params] = None) -> Download:
        """Return the file at *path*, its body unread."""
        from .download import Download  # few programs need it, and each module costs time to import

        # Only of a body that is not compressed the length is known before its end.
        identity = {"Accept-Encoding": "identity"}
        return Download(self._exchange("GET", path, params=params, headers=identity, accept="*/*"))

    def _stream(
        self,
        reader: StreamReader[T, R],
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Optional[Headers] = None,
    ) -> Stream[T, R]:
        """Return the answer to a request as a stream."""
        return open_stream(self._exchange(method, path, json=json, headers=headers, stream=True), reader)

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Optional[Params] = None,
        json: Any = None,
        headers: Optional[Headers] = None,
        form: Any = None,
        files: Any = None,
        accept: str = "application/json",
        stream: bool = False,
        secrets: Sequence[str] = (),
    ) -> Exchange:
        """Return a request ready to be sent; what is wrong with it is raised here, before it is sent."""
        with self._owning():
            shared = self._transport.session.headers  # empty, unless the session is the user's own
            base_url = self._address()
            request = Outgoing()
            request.method = method
            request.url = base_url + path + (query_string(params, "?" in path) if params else "")
            # None is how a user tells requests not to send a header.
            given = {name: value for name, value in shared.items() if value is not None}
            request.headers = CaseInsensitiveDict(given)
            request.headers["User-Agent"] = _USER_AGENT
            request.headers["Accept"] = "text/event-stream" if stream else accept
            request.headers["Accept-Encoding"] = "identity" if stream else "gzip, deflate"
            if form is not None or files is not None:
                _add_form(request, form, files)
            elif json is not None:
                request.body = codec.encode(json)
                request.headers["Content-Type"] = "application/json"
                request.headers["Content-Length"] = str(len(request.body))
            elif method not in ("GET", "HEAD"):
                request.headers["Content-Length"] = "0"
            request.headers.update(self._call_headers())
            request.headers.update(self._options.headers)
            if headers:
                request.headers.update(clean_headers(headers))
            auth = self._credentials.auth(
                base_url, self.key_header, self.identity_cookie, has_secret=bool(secrets)
            )
        return Exchange(
            self._transport,
            request,
            auth,
            self._options,
            self.service,
            self._own_classes,
            self._status_kind,
            self.prefix + "_API_KEY",
            stream=stream,
            secrets=secrets,
        )

    def _address(self) -> str:
        """Return the base URL: the given one, the environment's, or the default."""
        if self._base_url is None:
            told = os.environ.get(self.prefix + "_BASE_URL", "").strip()
            url = self._given_url or told or self.default_base_url
            if not url:
                raise errors.ConfigurationError(
                    f"no address for {self.service}: "
                    f"give Client({self.service}=...) or set {self.prefix}_BASE_URL"
                )
            self._base_url = self._tidy(check_base_url(url, self.service))
        return self._base_url

    def _call_headers(self) -> Dict[str, str]:
        """Return the headers that are new for each call; services with such headers override this."""
        return {}

    def _tidy(self, base_url: str) -> str:
        """Return a checked address in the form that this service's paths continue."""
        return base_url

    @contextmanager
    def _owning(self) -> Iterator[None]:
        """Make what is refused in a ``with`` block an error of this service."""
        try:
            yield
        except errors.ChatSDKError as error:
            raise self._own(error) from None

    def _own(self, error: errors.ChatSDKError) -> errors.ChatSDKError:
        """Return *error* as one of this service."""
        return self._own_classes.get(type(error), type(error))(error.message)

    @classmethod
    def _status_kind(cls, status: int, failure: Failure) -> Type[errors.APIStatusError]:
        """Return the class of error for a status; services with words of their own override this."""
        return errors.status_error(status)


def _add_form(request: Outgoing, data: Any, files: Any) -> None:
    """Take body and content type of a form or upload from requests, which knows how to write them."""
    try:
        written = requests.Request("POST", "http://localhost/", data=data, files=files).prepare()
    except (requests.RequestException, ValueError, TypeError):
        raise errors.InvalidRequestError("data or files cannot be sent as a form") from None
    request.body = written.body
    for name in ("Content-Type", "Content-Length", "Transfer-Encoding"):
        if name in written.headers:
            request.headers[name] = written.headers[name]
