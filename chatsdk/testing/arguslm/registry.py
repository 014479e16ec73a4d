"""The providers and models that are known, for all parts of the stand-in.

Nothing here locks: the dialect lets in one request at a time.
"""

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Optional

from .times import now, whole_seconds


def new_id() -> str:
    """An id that nothing else has."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """The time, as rows are stamped with it."""
    return whole_seconds(now())


@dataclass
class Provider:
    """An account at a provider of models."""

    provider_type: str
    display_name: str
    credentials: Dict[str, Any] = field(repr=False)
    enabled: bool = True
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)

    def shown(self) -> Dict[str, Any]:
        """The provider as the service shows it: of the credentials only what is no secret."""
        row = asdict(self)
        credentials = row.pop("credentials")
        return {**row, "base_url": credentials.get("base_url"), "region": credentials.get("region")}


@dataclass
class Model:
    """A model of a provider."""

    provider_account_id: str
    model_id: str
    source: str
    custom_name: Optional[str] = None
    enabled_for_monitoring: bool = False
    enabled_for_benchmark: bool = True
    model_metadata: Dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=timestamp)

    @property
    def name(self) -> str:
        """What the model is called in results."""
        return self.custom_name or self.model_id

    def shown(self, provider: Optional[Provider]) -> Dict[str, Any]:
        """The model as the service shows it."""
        name = None if provider is None else provider.display_name or provider.provider_type
        return {**asdict(self), "provider_name": name}


class Registry:
    """All providers and models by their ids, oldest first."""

    def __init__(self) -> None:
        self.providers: Dict[str, Provider] = {}
        self.models: Dict[str, Model] = {}

    def add_provider(self, provider: Provider) -> Provider:
        """Keep a provider."""
        self.providers[provider.id] = provider
        return provider

    def add_model(self, model: Model) -> Model:
        """Keep a model."""
        self.models[model.id] = model
        return model

    def provider_of(self, model: Optional[Model]) -> Optional[Provider]:
        """The provider of a model; None where one of them is unknown."""
        return None if model is None else self.providers.get(model.provider_account_id)

    def models_of(self, provider_id: str) -> List[Model]:
        """The models of a provider."""
        return [model for model in self.models.values() if model.provider_account_id == provider_id]
