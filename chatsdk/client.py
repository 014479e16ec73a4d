"""Client: one requests.Session, one namespace for each service."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Dict, Optional, Type, TypeVar, Union

import requests
from urllib3.util import Retry

from ._core.address import check_base_url
from ._core.auth import Credentials, drop_sensitive_headers, validate_api_key
from ._core.hints import explain_calls, hint
from ._core.options import Service, Timeout, make_options
from ._core.transport import SharesTransport, Transport
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._core.service import ServiceClient
    from .arguslm import ArgusLM
    from .chatserver import ChatServer
    from .infinity import Infinity
    from .mongars import MonGARS
    from .zaguan import Zaguan

S = TypeVar("S", bound="ServiceClient")

if TYPE_CHECKING:
    from functools import cached_property as service_property
else:

    class service_property(cached_property):
        """A cached_property that is the class of the service on the class, where create_autospec() looks."""

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is not None:
                return super().__get__(instance, owner)
            return getattr(
                import_module("." + self.attrname, __package__), self.func.__annotations__["return"]
            )


class Client(SharesTransport):
    """A client for all services over one ``requests.Session``.

    Args:
        mongars, chatserver, arguslm, infinity, zaguan: where a service is: a base URL, or a Service with
            address, key and settings. What is left out comes from the environment (``ZAGUAN_BASE_URL``,
            ``ZAGUAN_API_KEY``, ...) or from the service's default.
        timeout: seconds to wait for each read, or ``(connect, read)``; for services that name none.
        max_retries: how often a safe request is sent again, or a ``urllib3.util.Retry``; likewise.
        session: a Session of your own, with its proxies, certificates and adapters. Retries are then those of
            its adapters, and ``close()`` leaves it open.

    Threads may share a Client, and it may be used after a fork. Copies share its connections and keys. It
    pickles with its addresses and settings, never with keys: the process that unpickles it takes them from
    its own environment, and a call that finds none there raises ConfigurationError.

    Raises:
        ConfigurationError: an address, a key or a setting that cannot work.
    """

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
        given = {
            "mongars": mongars,
            "chatserver": chatserver,
            "arguslm": arguslm,
            "infinity": infinity,
            "zaguan": zaguan,
        }
        self._settings = {
            name: _settings(name, service, timeout, max_retries) for name, service in given.items()
        }
        self._credentials: Dict[str, Credentials] = {}
        self._transport = Transport(session)

    @service_property
    def mongars(self) -> MonGARS:
        """monGARS: chat with a memory, retrieval, suggestions, peers and model management."""
        from .mongars import MonGARS

        return self._open(MonGARS)

    @service_property
    def chatserver(self) -> ChatServer:
        """ChatServer: OpenAI-compatible completions with sessions and administration."""
        from .chatserver import ChatServer

        return self._open(ChatServer)

    @service_property
    def arguslm(self) -> ArgusLM:
        """ArgusLM: monitoring and benchmarks of language models, with alerts."""
        from .arguslm import ArgusLM

        return self._open(ArgusLM)

    @service_property
    def infinity(self) -> Infinity:
        """Infinity Assistant: chat, knowledge, memory and research."""
        from .infinity import Infinity

        return self._open(Infinity)

    @service_property
    def zaguan(self) -> Zaguan:
        """Zaguan CoreX: completions from many providers, paid with credits."""
        from .zaguan import Zaguan

        return self._open(Zaguan)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(text if name.startswith("_") else text + hint(name, dir(type(self))))

    def __repr__(self) -> str:
        given = (
            f"{name}={service.base_url!r}" for name, service in self._settings.items() if service.base_url
        )
        return f"Client({', '.join(given)})"

    def __getstate__(self) -> Dict[str, Any]:
        settings = {
            name: replace(service, api_key=None, headers=drop_sensitive_headers(service.headers or {}))
            for name, service in self._settings.items()
        }
        for name, service in self._settings.items():
            if service.api_key is not None:
                getattr(self, name)  # its Credentials tell the other process that there was a key
        return {"_settings": settings, "_credentials": self._credentials, "_transport": self._transport}

    def _open(self, cls: Type[S]) -> S:
        spec = cls._spec
        settings = self._settings[spec.name]
        credentials = Credentials(spec.name, spec.env_prefix, settings.api_key)
        # Two threads that come here at once must share one key.
        credentials = self._credentials.setdefault(spec.name, credentials)
        return cls(self._transport, settings, credentials)


def _settings(
    name: str,
    given: Union[str, Service, None],
    timeout: Optional[Timeout],
    max_retries: Union[int, Retry, None],
) -> Service:
    """Return the checked settings of one service, completed by those of the Client."""
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
    make_options(service, default_timeout=1.0, default_retries=0)  # raises on what cannot work
    return service
