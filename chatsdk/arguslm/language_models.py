"""ArgusLM: the models of the provider accounts."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Optional, Union

from .._core.model import build_request
from .._core.paging import iter_pages
from .._core.service import ServiceClient
from .models import ModelInfo, ModelList
from .requests import ModelCreate, ModelUpdate


class Models(ServiceClient):
    """The endpoints about models."""

    def list_models(
        self,
        *,
        provider_id: Optional[str] = None,
        enabled_for_monitoring: Optional[bool] = None,
        enabled_for_benchmark: Optional[bool] = None,
        search: Optional[str] = None,
        limit: int = 100,
        offset: int = 0,
    ) -> ModelList:
        """Return one page of models, oldest first; ``iter_models`` goes through all of them.

        Args:
            provider_id: only those of this provider account.
            enabled_for_monitoring, enabled_for_benchmark: only those that take part, or that do not.
            search: only those with this text in ``model_id`` or ``custom_name``, in upper or lower case.
            limit: models on the page, 1 to 500.
            offset: models to skip, from 0.

        Returns:
            The page: ``items``, ``total`` of all pages, ``has_more``.

        Raises:
            UnprocessableEntityError: a number outside its limits, or an id that is no UUID.

        GET /api/v1/models
        """
        params = {
            "provider_id": provider_id,
            "enabled_for_monitoring": enabled_for_monitoring,
            "enabled_for_benchmark": enabled_for_benchmark,
            "search": search,
            "limit": limit,
            "offset": offset,
        }
        return self._request("GET", "/api/v1/models", params=params).model(ModelList)

    def iter_models(
        self,
        *,
        provider_id: Optional[str] = None,
        enabled_for_monitoring: Optional[bool] = None,
        enabled_for_benchmark: Optional[bool] = None,
        search: Optional[str] = None,
        limit: int = 100,
    ) -> Iterator[ModelInfo]:
        """Yield all models that ``list_models`` would give page by page, each once.

        If the loop changes what a filter looks at, iterate over a ``list`` of them: the models that still
        match move to pages that were fetched already, and would be skipped.

        Args:
            provider_id, enabled_for_monitoring, enabled_for_benchmark, search: as for ``list_models``.
            limit: models in each request, 1 to 500.

        GET /api/v1/models, as often as there are pages
        """
        return iter_pages(
            self.list_models,
            "offset",
            provider_id=provider_id,
            enabled_for_monitoring=enabled_for_monitoring,
            enabled_for_benchmark=enabled_for_benchmark,
            search=search,
            limit=limit,
        )

    def get_model(self, model_id: str) -> ModelInfo:
        """Return a model.

        Args:
            model_id: its ``id``, a UUID.

        Raises:
            NotFoundError: there is no such model.
            UnprocessableEntityError: the id is no UUID.

        GET /api/v1/models/{model_id}
        """
        return self._request("GET", self._path("/api/v1/models/{model_id}", model_id=model_id)).model(
            ModelInfo
        )

    def create_model(
        self,
        request: Union[ModelCreate, Mapping[str, Any], None] = None,
        *,
        provider_account_id: Optional[str] = None,
        model_id: Optional[str] = None,
        custom_name: Optional[str] = None,
        metadata: Optional[Dict[str, Any]] = None,
    ) -> ModelInfo:
        """Add a model by hand. The server does not mind if it is there already.

        Args:
            request: a ModelCreate or a dict; or give its fields as keywords.

        Returns:
            The model; its ``provider_name`` is None here.

        Raises:
            BadRequestError: ``model_id`` has other characters than letters, digits, hyphens and underscores.
            UnprocessableEntityError: a field is missing or wrong.

        POST /api/v1/models
        """
        body = build_request(ModelCreate, request, locals())
        return self._request("POST", "/api/v1/models", json=body).model(ModelInfo)

    def update_model(
        self,
        model_id: str,
        request: Union[ModelUpdate, Mapping[str, Any], None] = None,
        *,
        custom_name: Optional[str] = None,
        enabled_for_monitoring: Optional[bool] = None,
        enabled_for_benchmark: Optional[bool] = None,
    ) -> ModelInfo:
        """Change a model. What is not given, or is None, stays as it is; ``custom_name=""`` clears the name.

        Args:
            model_id: its ``id``, a UUID.
            request: a ModelUpdate or a dict; or give its fields as keywords.

        Returns:
            The model as it is now; its ``provider_name`` is None here.

        Raises:
            NotFoundError: there is no such model.
            UnprocessableEntityError: a field is wrong, or the id is no UUID.

        PATCH /api/v1/models/{model_id}
        """
        path = self._path("/api/v1/models/{model_id}", model_id=model_id)
        return self._request("PATCH", path, json=build_request(ModelUpdate, request, locals())).model(
            ModelInfo
        )
