"""ArgusLM: the accounts with providers of models."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, TypeVar, Union

from .._core.model import build_request
from .._core.service import ServiceClient
from .models import ModelRefresh, Provider, ProviderCatalog, ProviderList, ProviderTestResult
from .requests import ProviderCreate, ProviderUpdate

P = TypeVar("P", bound="Providers")

_PATIENCE = 60.0  # seconds; the server itself waits up to half of that for a provider


class Providers(ServiceClient):
    """The endpoints about provider accounts."""

    def list_providers(self) -> ProviderList:
        """Return all provider accounts, oldest first.

        Returns:
            The accounts in ``providers``, with ``to_rows()`` for tables.

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
        """Create a provider account.

        Args:
            request: a ProviderCreate or a dict; or give its fields as keywords.

        Returns:
            The account, without its credentials.

        Raises:
            UnprocessableEntityError: a field is missing or wrong; credentials are not shown.

        POST /api/v1/providers
        """
        body = build_request(ProviderCreate, request, locals())
        secrets = _strings_in(body.credentials)
        return self._request("POST", "/api/v1/providers", json=body, secrets=secrets).model(Provider)

    def get_provider(self, provider_id: str) -> Provider:
        """Return a provider account.

        Args:
            provider_id: its id, a UUID.

        Raises:
            NotFoundError: there is no such account.
            UnprocessableEntityError: the id is no UUID.

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
        """Change a provider account; what is not given stays as it is.

        Args:
            provider_id: its id, a UUID.
            request: a ProviderUpdate or a dict; or give its fields as keywords.

        Returns:
            The account as it is now.

        Raises:
            NotFoundError: there is no such account.
            UnprocessableEntityError: a field is wrong, or the id is no UUID.

        PATCH /api/v1/providers/{provider_id}
        """
        path = self._path("/api/v1/providers/{provider_id}", provider_id=provider_id)
        body = build_request(ProviderUpdate, request, locals())
        secrets = _strings_in(body.credentials)
        return self._request("PATCH", path, json=body, secrets=secrets).model(Provider)

    def delete_provider(self, provider_id: str) -> None:
        """Delete a provider account, and its models with it.

        Args:
            provider_id: its id, a UUID.

        Raises:
            ConflictError: one of its models was benchmarked.
            NotFoundError: there is no such account.
            UnprocessableEntityError: the id is no UUID.

        DELETE /api/v1/providers/{provider_id}
        """
        path = self._path("/api/v1/providers/{provider_id}", provider_id=provider_id)
        self._request("DELETE", path).send()

    def get_provider_catalog(self) -> ProviderCatalog:
        """Return all kinds of providers that the server knows, and what each needs.

        Returns:
            The kinds in ``providers``, a dict by ``provider_type``.

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
        """Try a provider account without creating it; waits 60 s for it unless told otherwise.

        Args:
            request: a ProviderCreate or a dict; or give its fields as keywords.

        Returns:
            What came of it. A test that failed is no error: look at ``success``.

        Raises:
            UnprocessableEntityError: a field is missing or wrong; the server wants ``display_name`` here too.

        POST /api/v1/providers/test-connection
        """
        body = build_request(ProviderCreate, request, locals())
        return (
            _with_default_timeout(self)
            ._request(
                "POST",
                "/api/v1/providers/test-connection",
                json=body,
                secrets=_strings_in(body.credentials),
            )
            .model(ProviderTestResult)
        )

    def test_existing_provider(self, provider_id: str) -> ProviderTestResult:
        """Try a provider account; waits 60 s for it unless told otherwise.

        Args:
            provider_id: its id, a UUID.

        Returns:
            What came of it. A test that failed is no error: look at ``success``.

        Raises:
            NotFoundError: there is no such account.
            UnprocessableEntityError: the id is no UUID.

        POST /api/v1/providers/{provider_id}/test
        """
        path = self._path("/api/v1/providers/{provider_id}/test", provider_id=provider_id)
        return _with_default_timeout(self)._request("POST", path).model(ProviderTestResult)

    def refresh_provider_models(self, provider_id: str) -> ModelRefresh:
        """Ask a provider for its models and add the new ones; waits 60 s for it unless told otherwise.

        Args:
            provider_id: the id of the account, a UUID.

        Returns:
            How many models the provider has; most that refuse or do not answer count as success with none.

        Raises:
            BadRequestError: this kind of provider does not tell its models.
            InternalServerError: the provider could not be asked.
            NotFoundError: there is no such account.
            UnprocessableEntityError: the id is no UUID.

        POST /api/v1/providers/{provider_id}/refresh-models
        """
        path = self._path("/api/v1/providers/{provider_id}/refresh-models", provider_id=provider_id)
        return _with_default_timeout(self)._request("POST", path).model(ModelRefresh)


def _with_default_timeout(service: P) -> P:
    """Return *service* with more time for an answer, unless the user said how much."""
    return service if service._options.timeout_given else service.with_options(timeout=_PATIENCE)


def _strings_in(value: Any) -> List[str]:
    """Return all texts in *value*, however deep."""
    found: List[str] = []
    waiting: List[Any] = [value]
    known = set()  # what contains itself is refused later
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, (Mapping, list, tuple)) and id(item) not in known:
            known.add(id(item))
            waiting.extend(item.values() if isinstance(item, Mapping) else item)
    return found
