"""ArgusLM: the provider accounts."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Union

from .._core.model import build_request
from .._core.request import Request
from .._core.service import ServiceClient
from .models import ModelRefresh, Provider, ProviderCatalog, ProviderList, ProviderTestResult
from .requests import ProviderCreate, ProviderUpdate

_SLOW_TIMEOUT = 60.0  # seconds; the server waits up to 31 s for a provider


class Providers(ServiceClient):
    """The endpoints for provider accounts."""

    def list_providers(self) -> ProviderList:
        """Return all provider accounts in ``providers``, oldest first.

        GET /api/v1/providers
        """
        return self._request("GET", "/api/v1/providers").model(ProviderList)

    def create_provider(
        self,
        request: Union[ProviderCreate, Mapping[str, Any], None] = None,
        *,
        display_name: Optional[str] = None,
        provider_type: Optional[str] = None,
        credentials: Optional[Dict[str, Any]] = None,
    ) -> Provider:
        """Create a provider account (see ProviderCreate) and return it without its credentials.

        POST /api/v1/providers
        """
        body = build_request(ProviderCreate, request, locals())
        secrets = _strings_in(body.credentials)
        return self._request("POST", "/api/v1/providers", json=body, secrets=secrets).model(Provider)

    def get_provider(self, provider_id: str) -> Provider:
        """Return a provider account.

        GET /api/v1/providers/{provider_id}
        """
        path = self._path("/api/v1/providers/{provider_id}", provider_id=provider_id)
        return self._request("GET", path).model(Provider)

    def update_provider(
        self,
        provider_id: str,
        request: Union[ProviderUpdate, Mapping[str, Any], None] = None,
        *,
        display_name: Optional[str] = None,
        credentials: Optional[Dict[str, Any]] = None,
        enabled: Optional[bool] = None,
    ) -> Provider:
        """Change the given fields of a provider account (see ProviderUpdate) and return it.

        PATCH /api/v1/providers/{provider_id}
        """
        path = self._path("/api/v1/providers/{provider_id}", provider_id=provider_id)
        body = build_request(ProviderUpdate, request, locals())
        secrets = _strings_in(body.credentials)
        return self._request("PATCH", path, json=body, secrets=secrets).model(Provider)

    def delete_provider(self, provider_id: str) -> None:
        """Delete a provider account with its models.

        Raises:
            ConflictError: one of its models has benchmark results.

        DELETE /api/v1/providers/{provider_id}
        """
        self._request("DELETE", self._path("/api/v1/providers/{provider_id}", provider_id=provider_id)).send()

    def get_provider_catalog(self) -> ProviderCatalog:
        """Return the supported types of providers and their settings in ``providers``, by ``provider_type``.

        GET /api/v1/providers/catalog
        """
        return self._request("GET", "/api/v1/providers/catalog").model(ProviderCatalog)

    def test_provider_connection(
        self,
        request: Union[ProviderCreate, Mapping[str, Any], None] = None,
        *,
        display_name: Optional[str] = None,
        provider_type: Optional[str] = None,
        credentials: Optional[Dict[str, Any]] = None,
    ) -> ProviderTestResult:
        """Test a provider account without creating it (see ProviderCreate); the default timeout is 60 s here.

        A failed test raises nothing: check ``success``.

        POST /api/v1/providers/test-connection
        """
        path = "/api/v1/providers/test-connection"
        body = build_request(ProviderCreate, request, locals())
        secrets = _strings_in(body.credentials)
        return self._slow_post(path, json=body, secrets=secrets).model(ProviderTestResult)

    def test_existing_provider(self, provider_id: str) -> ProviderTestResult:
        """Test a stored provider account; the default timeout is 60 s here.

        A failed test raises nothing: check ``success``.

        POST /api/v1/providers/{provider_id}/test
        """
        path = self._path("/api/v1/providers/{provider_id}/test", provider_id=provider_id)
        return self._slow_post(path).model(ProviderTestResult)

    def refresh_provider_models(self, provider_id: str) -> ModelRefresh:
        """Add the new models of a provider and return how many it has; the default timeout is 60 s here.

        For most types, a provider that refuses or does not respond counts as a success with 0 models.

        Raises:
            BadRequestError: providers of this type cannot list their models.
            InternalServerError: the provider failed.

        POST /api/v1/providers/{provider_id}/refresh-models
        """
        path = self._path("/api/v1/providers/{provider_id}/refresh-models", provider_id=provider_id)
        return self._slow_post(path).model(ModelRefresh)

    def _slow_post(self, path: str, **content: Any) -> Request:
        service = self if self._options.timeout_given else self.with_options(timeout=_SLOW_TIMEOUT)
        return service._request("POST", path, **content)


def _strings_in(value: Any) -> List[str]:
    """Return all strings in *value*, at any depth."""
    found: List[str] = []
    pending: List[Any] = [value]
    visited = set()  # ids; a value that contains itself is refused later
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, (Mapping, list, tuple)) and id(item) not in visited:
            visited.add(id(item))
            pending.extend(item.values() if isinstance(item, Mapping) else item)
    return found
