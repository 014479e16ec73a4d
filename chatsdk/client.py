"""Client: all services over one requests.Session, each as an attribute."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Dict, Generic, Optional, Type, TypeVar, Union, overload

import requests
from urllib3.util import Retry

from ._core.address import check_base_url
from ._core.auth import Credentials, drop_sensitive_headers, validate_api_key
from ._core.hints import explain_calls, hint
from ._core.options import Options, Service, Timeout
from ._core.transport import SharesTransport, Transport
from .errors import ConfigurationError

if TYPE_CHECKING:  # "as": ruff does not see that the type arguments below use them
    from ._core.service import ServiceClient
    from .arguslm import ArgusLM as ArgusLM
    from .chatserver import ChatServer as ChatServer
    from .infinity import Infinity as Infinity
    from .mongars import MonGARS as MonGARS
    from .zaguan import Zaguan as Zaguan

S = TypeVar("S", bound="ServiceClient")


class ServiceProperty(Generic[S]):
    """A service of a Client, created on first use and kept in the instance; on the class, its own class."""

    def __init__(self, class_name: str) -> None:
        self._class_name = class_name

    def __set_name__(self, owner: Type[Client], name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: Type[Client]) -> Type[S]: ...
    @overload
    def __get__(self, client: Client, owner: Type[Client]) -> S: ...

    def __get__(self, client: Optional[Client], owner: Type[Client]) -> Union[S, Type[S]]:
        cls: Type[S] = getattr(import_module(f".{self._name}", __package__), self._class_name)
        if client is None:
            return cls
        service: S = client.__dict__.setdefault(self._name, client._create_service(cls))
        return service


class Client(SharesTransport):
    """A client for all services over one ``requests.Session``.

    Args:
        mongars, chatserver, arguslm, infinity, zaguan: the base URL of a service, or a Service with base URL,
            API key and settings. Missing values come from environment variables (``ZAGUAN_BASE_URL``,
            ``ZAGUAN_API_KEY``, ...), then from the default of the service, if it has one.
        timeout: default for all services: seconds to wait for each read, or ``(connect, read)``.
        max_retries: default for all services: number of retries of safe requests, or a urllib3 ``Retry``.
        session: your own ``requests.Session``, with its proxies, certificates and adapters. Its adapters then
            decide about retries, and ``close()`` leaves it open.

    A Client is thread-safe and may be used after a fork. Copies share its connections and keys. A pickled
    Client contains base URLs and settings, but no keys: the process that unpickles it reads them from its
    environment, and raises ConfigurationError at the first call if there was a key and none is found.

    Raises:
        ConfigurationError: a base URL, key or setting is invalid.
    """

    mongars = ServiceProperty["MonGARS"]("MonGARS")
    chatserver = ServiceProperty["ChatServer"]("ChatServer")
    arguslm = ServiceProperty["ArgusLM"]("ArgusLM")
    infinity = ServiceProperty["Infinity"]("Infinity")
    zaguan = ServiceProperty["Zaguan"]("Zaguan")

    @explain_calls
    def __init__(
        self,
        *,
        mongars: Union[str, Service, None] = None,
        chatserver: Union[str, Service, None] = None,
        arguslm: Union[str, Service, None] = None,
        infinity: Union[str, Service, None] = None,
        zaguan: Union[str, Service, None] = None,
        timeout: Optional[Timeout] = None,
        max_retries: Union[int, Retry, None] = None,
        session: Optional[requests.Session] = None,
    ) -> None:
        given = locals()
        self._settings = {
            name: _resolve_settings(name, given[name], timeout, max_retries)
            for name, item in vars(Client).items()
            if isinstance(item, ServiceProperty)
        }
        self._credentials: Dict[str, Credentials] = {}
        self._transport = Transport(session)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(text if name.startswith("_") else text + hint(name, dir(type(self))))

    def __repr__(self) -> str:
        urls = (f"{name}={given.base_url!r}" for name, given in self._settings.items() if given.base_url)
        return f"Client({', '.join(urls)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        services = (f"\n  {name}: {getattr(self, name)!r}" for name in self._settings)
        printer.text(f"<{type(self).__name__}{''.join(services)}>")

    def __getstate__(self) -> Dict[str, Any]:
        settings = {}
        for name, service in self._settings.items():
            if service.api_key is not None:
                getattr(self, name)  # creates the Credentials, which record that there was a key
            headers = drop_sensitive_headers(service.headers or {})
            settings[name] = replace(service, api_key=None, headers=headers)
        return {"_settings": settings, "_credentials": self._credentials, "_transport": self._transport}

    def _create_service(self, cls: Type[S]) -> S:
        spec = cls._spec
        settings = self._settings[spec.name]
        credentials = Credentials(spec.name, spec.env_prefix, settings.api_key)
        # Two threads may come here at once; they must share one key.
        credentials = self._credentials.setdefault(spec.name, credentials)
        return cls(self._transport, settings, credentials)


def _resolve_settings(
    name: str,
    given: Union[str, Service, None],
    timeout: Optional[Timeout],
    max_retries: Union[int, Retry, None],
) -> Service:
    """Return the validated settings of one service, with those of the Client as defaults."""
    if given is None or isinstance(given, str):
        given = Service(base_url=given)
    if not isinstance(given, Service):
        raise ConfigurationError(f"{name} must be a base URL or a Service, not {type(given).__name__}")
    service = replace(
        given,
        base_url=None if given.base_url is None else check_base_url(given.base_url, name),
        api_key=validate_api_key(given.api_key),
        timeout=timeout if given.timeout is None else given.timeout,
        max_retries=max_retries if given.max_retries is None else given.max_retries,
    )
    Options(service, default_timeout=1.0, default_retries=0)  # validates them
    return service
