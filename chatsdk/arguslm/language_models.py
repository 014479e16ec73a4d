"""ArgusLM: the models of the provider accounts."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Optional, Union

from .._core.model import build_request
from .._core.paging import iter_pages
from .._core.service import ServiceClient
from .models import ModelInfo, ModelList
from .requests import ModelCreate, ModelUpdate


class Models(ServiceClient):
    """The endpoints for models."""

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
        """Return a page of models in ``items``, oldest first; ``iter_models`` yields all models.

        Args:
            provider_id: only models of this provider account.
            enabled_for_monitoring, enabled_for_benchmark: only models that are enabled (True) or not (False).
            search: only models with this text in ``model_id`` or ``custom_name``, case-insensitive.
            limit: models on the page, 1 to 500.
            offset: models to skip, from 0.

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
        progress: bool = False,
    ) -> Iterator[ModelInfo]:
        """Yield the models of all pages of ``list_models``, each once.

        If the loop changes a filtered field, iterate over ``list(...)``: otherwise models may be skipped.

        Args:
            provider_id, enabled_for_monitoring, enabled_for_benchmark, search: as for ``list_models``.
            limit: models per request, 1 to 500.
            progress: show a progress bar (tqdm if it is installed).

        GET /api/v1/models, once per page
        """
        return iter_pages(
            self.list_models,
            "offset",
            progress,
            provider_id=provider_id,
            enabled_for_monitoring=enabled_for_monitoring,
            enabled_for_benchmark=enabled_for_benchmark,
            search=search,
            limit=limit,
        )

    def get_model(self, model_id: str) -> ModelInfo:
        """Return a model by its ``id``, a UUID.

        GET /api/v1/models/{model_id}
        """
        path = self._path("/api/v1/models/{model_id}", model_id=model_id)
        return self._request("GET", path).model(ModelInfo)

    def create_model(
        self,
        request: Union[ModelCreate, Mapping[str, Any], None] = None,
        *,
        provider_account_id: Optional[str] = None,
        model_id: Optional[str] = None,
        custom_name: Optional[str] = None,
        metadata: Optional[Dict[str, Any]] = None,
    ) -> ModelInfo:
        """Add a model (see ModelCreate) and return it without ``provider_name``; duplicates are accepted.

        Raises:
            BadRequestError: ``model_id`` has characters other than letters, digits, hyphens and underscores.

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
        """Change the given fields of a model (see ModelUpdate) and return it without ``provider_name``.

        PATCH /api/v1/models/{model_id}
        """
        path = self._path("/api/v1/models/{model_id}", model_id=model_id)
        body = build_request(ModelUpdate, request, locals())
        return self._request("PATCH", path, json=body).model(ModelInfo)
