"""The one requests.Session of a Client, which keeps no keys and no cookies."""

from __future__ import annotations

import os
import queue
from contextlib import suppress
from typing import Any, Dict, Mapping, Optional, Tuple, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar, merge_cookies
from requests.utils import rewind_body
from urllib3.util import Timeout

from ..errors import ChatSDKError
from .auth import OriginAuth, header_secrets, without_framing
from .call import CallContext
from .closable import CloseMixin
from .connection import MAX_JOINED_BODY, current, deadline_pool

S = TypeVar("S", bound="SharesTransport")

# The dict inside os.environ: comparing all of it takes a tenth of the time of reading ten variables.
_ENVIRONMENT: Dict[Any, Any] = vars(os.environ)["_data"]


class ServiceRequest(requests.PreparedRequest):
    """A prepared request with its origin and its call."""

    origin = ""
    call: Optional[CallContext] = None
    use_proxies = True  # those of the session and the environment

    @property
    def is_seekable(self) -> bool:
        """Whether the body is a file that can be rewound."""
        return isinstance(self._body_position, int) and hasattr(self.body, "seek")

    @property
    def can_repeat(self) -> bool:
        """Whether the body can be sent again; a generator is used up."""
        return isinstance(self.body, (bytes, str, type(None))) or self.is_seekable

    def copy(self) -> ServiceRequest:
        clone = ServiceRequest.__new__(ServiceRequest)
        clone.__dict__.update(self.__dict__, headers=self.headers.copy(), hooks={"response": []})
        return clone


class DeadlineAdapter(HTTPAdapter):
    """An HTTPAdapter without retries, whose connections keep to the deadline of the call."""

    def __init__(self) -> None:
        self._pools: Dict[Tuple[str, bool], Any] = {}
        # An unlimited pool keeps one connection for each thread that used it at the same time; with a limit
        # urllib3 discards the others, and a busy client connects again and again.
        super().__init__(pool_maxsize=0)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        current.call = request.call
        current.read_timeout = getattr(kwargs.get("timeout"), "read_timeout", None)
        if isinstance(request.body, bytes) and len(request.body) <= MAX_JOINED_BODY:
            current.body = request.body
        try:
            return super().send(request, *args, **kwargs)
        finally:
            current.call = current.read_timeout = current.body = None

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for *request* from a cache: requests' own lookup takes a tenth of a call's time."""
        key = request.origin, request.use_proxies
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = super().get_connection_with_tls_context(request, *args, **kwargs)
        return pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return super().request_url(request, proxies) if proxies else request.path_url

    def forget(self) -> None:
        """Clear the cached pools: proxies or certificates may have changed."""
        self._pools.clear()

    def close(self) -> None:
        """Close the connections; urllib3 does it when no reference to their pool is left."""
        self.forget()
        super().close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _use_own_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        _use_own_pools(manager)
        return manager


class Transport:
    """Sends requests over one session; pickles without it."""

    def __init__(self, session: Optional[requests.Session] = None) -> None:
        self._user_session = session
        self._session = session or _new_session()
        self._settings: Dict[Tuple[str, bool], Dict[str, Any]] = {}
        self._environment = _ENVIRONMENT.copy()
        self._process = os.getpid()
        self._closed = False

    def __reduce__(self) -> Tuple[Any, ...]:
        return Transport, ()

    @property
    def session(self) -> requests.Session:
        """The session to use in this process; raises ChatSDKError if it is closed."""
        if self._closed:
            raise ChatSDKError("the client is closed")
        if self._process != os.getpid():
            self._reset_after_fork()
        return self._session

    @property
    def has_user_session(self) -> bool:
        """Whether the session is the user's, with its own retries."""
        return self._user_session is not None

    def add_defaults(self, request: ServiceRequest, params: Mapping[str, Any]) -> Dict[str, str]:
        """Add the params of the user's session to *request*, whose own *params* win; return its headers."""
        session = self.session
        if self._user_session is None:
            return {}
        defaults: Any = session.params
        if isinstance(defaults, Mapping):
            defaults = {name: value for name, value in defaults.items() if name not in params}
        if defaults:
            request.prepare_url(request.url or "", defaults)
        # None tells requests to leave a header out; the defaults of requests for Accept are not the user's.
        kept = {name: value for name, value in session.headers.items() if value is not None}
        return {
            name: value
            for name, value in without_framing(kept).items()
            if name.lower() not in ("accept", "accept-encoding")
        }

    def sign(self, request: ServiceRequest, auth: OriginAuth) -> ServiceRequest:
        """Return a signed copy of *request*, with cookies and auth of the user's session."""
        session = self.session
        signed = request.copy()
        signed.origin = auth.origin
        if self.has_user_session:
            # Auth objects that answer a challenge expect a jar, even an empty one.
            signed.prepare_cookies(merge_cookies(RequestsCookieJar(), session.cookies))
        auth(signed)
        if self.has_user_session and session.auth and auth.key is None:
            signed.prepare_auth(session.auth)  # last: some sign the whole request
            auth.secrets.extend(header_secrets(signed.headers))
        # After the hooks of auth objects, which answer a challenge.
        hooks: Any = session.hooks.get("response") or []
        signed.hooks["response"] += [_stop_at_redirect, *([hooks] if callable(hooks) else hooks)]
        return signed

    def send(self, request: ServiceRequest, auth: OriginAuth, timeout: Timeout) -> requests.Response:
        """Send *request* and return the response, its body unread; raises errors of requests and urllib3.

        Recorders such as vcrpy see the signed copy. Responses and errors refer to *request*, without the key.
        """
        session = self.session
        if request.is_seekable:
            rewind_body(request)  # another attempt may have read it
        signed = self.sign(request, auth)
        if signed.call is not None:
            signed.call.can_repeat = signed.can_repeat
            signed.call.keep_alive = signed.headers.get("Connection", "").lower() != "close"
        try:
            settings = self.settings(auth.origin, signed.use_proxies)
            response = session.send(signed, timeout=timeout, allow_redirects=False, **settings)
        except BaseException as error:
            self._forget()
            answer = getattr(error, "response", None)
            if answer is None:
                signed.headers.clear()  # the frames of the traceback hold them
                signed.headers.update(request.headers)
            else:
                self._strip(answer, request, auth)
            if isinstance(error, requests.RequestException):
                error.request = request
            raise
        self._strip(response, request, auth)
        if response.status_code < 200:
            response.close()  # interim, from a user's adapter: the final response may follow
        return response

    def _strip(self, response: requests.Response, request: ServiceRequest, auth: OriginAuth) -> None:
        """Remove key and identity cookie from *response* and the user's session."""
        for answer in (response, *response.history):
            answer.request = request
            answer.url = request.url or ""
        for cookie in response.cookies if self.has_user_session and auth.cookie_name else ():
            if cookie.name == auth.cookie_name:
                with suppress(KeyError):
                    self._session.cookies.clear(cookie.domain, cookie.path, cookie.name)

    def close_idle_connections(self, response: requests.Response) -> None:
        """Close the pooled connections, except that of *response*.

        uvicorn closes connections after an unhandled exception without saying so; the next call would fail.
        """
        idle = getattr(getattr(response.raw, "_pool", None), "pool", None)
        if isinstance(idle, queue.Queue):
            with idle.mutex:
                for connection in filter(None, idle.queue):
                    connection.close()  # urllib3 opens it again

    def close(self) -> None:
        """Close the connections; a session of the user stays open."""
        self._closed = True
        if self._user_session is None:
            self._session.close()

    def settings(self, origin: str, use_proxies: bool) -> Dict[str, Any]:
        """Return proxies, CA bundle and certificate for *origin*, as the arguments of ``Session.send``.

        requests reads them from the environment on each call. For our own session they are cached until a
        variable changes or a call fails; the settings of a user's session may change at any time.
        """
        if self._environment != _ENVIRONMENT:
            self._environment = _ENVIRONMENT.copy()
            self._forget()
        known = self._settings.get((origin, use_proxies))
        if known is None:
            session = self.session
            # Passed as if by the caller: otherwise the environment takes precedence over the session.
            known = session.merge_environment_settings(
                origin, dict(session.proxies), True, session.verify, None
            )
            if not use_proxies:
                known["proxies"] = {}
            if self._user_session is None:
                self._settings[origin, use_proxies] = known
        return known

    def _forget(self) -> None:
        """Read the settings again before the next call."""
        self._settings.clear()
        for adapter in self._session.adapters.values():
            if isinstance(adapter, DeadlineAdapter):
                adapter.forget()

    def _reset_after_fork(self) -> None:
        """Use new connections in a forked child: the old ones belong to its parent."""
        if self._user_session is None:
            self._session = _new_session()
            self._settings = {}
        else:
            self._user_session.close()  # closes only this process's copies of the connections
        self._process = os.getpid()


class SharesTransport(CloseMixin):
    """Base of the Client and its services: copies share connections and keys, pickles have neither."""

    _transport: Transport

    def close(self) -> None:
        """Close the connections of the Client and all its services; your own Session stays open."""
        self._transport.close()

    def __copy__(self: S) -> S:
        clone = object.__new__(type(self))
        clone.__dict__.update(self.__dict__)
        return clone

    def __deepcopy__(self: S, memo: Dict[int, Any]) -> S:
        return self.__copy__()


def _new_session() -> requests.Session:
    session = requests.Session()
    adapter = DeadlineAdapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.clear()
    session.cookies = _NoCookies()
    return session


class _NoCookies(RequestsCookieJar):
    """One Client may serve several users: a cookie of one must not be sent with another's call."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Store nothing."""


def _use_own_pools(manager: Any) -> None:
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: deadline_pool(cls) for scheme, cls in classes.items()}


def _stop_at_redirect(response: requests.Response, **_: Any) -> None:
    # requests prepares the redirected request after this hook, and fails if Location is invalid.
    if "location" in response.headers and 300 <= response.status_code < 400:
        raise requests.HTTPError(response=response)
