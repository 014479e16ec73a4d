"""ArgusLM: the request bodies. A field that is None is not sent: the server keeps it, or uses its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Dict, List, Optional, Union

from .._core.dates import format_utc, parse_datetime
from .._core.model import Model

DateTimeLike = Union[datetime, date, str]


def format_datetime_param(value: Optional[DateTimeLike]) -> Optional[str]:
    """Return a date-time for a query, in UTC with ``Z``; text that is not a date-time is unchanged.

    With SQLite the server compares date-times as text.
    """
    if value is None:
        return None
    if not isinstance(value, (date, str)):
        raise TypeError(f"a date-time must be a datetime, a date or a string, not {type(value).__name__}")
    return format_utc(parse_datetime(value if isinstance(value, (datetime, str)) else value.isoformat()))


@dataclass
class ProviderCreate(Model):
    """A provider account to create or test.

    Args:
        display_name: at most 255 characters.
        provider_type: an id from ``get_provider_catalog``; the server accepts any text.
        credentials: the values that the provider needs, such as ``api_key`` and ``base_url``; never shown.
    """

    display_name: str
    provider_type: str
    credentials: Optional[Dict[str, Any]] = field(default=None, repr=False)


@dataclass
class ProviderUpdate(Model):
    """Changes of a provider account, as in ProviderCreate; ``credentials`` replaces all old ones."""

    display_name: Optional[str] = None
    credentials: Optional[Dict[str, Any]] = field(default=None, repr=False)
    enabled: Optional[bool] = None


@dataclass
class ModelCreate(Model):
    """A model that the provider does not list.

    Args:
        provider_account_id: the id of its provider account.
        model_id: its name at the provider: letters, digits, hyphens and underscores only.
        custom_name: a display name.
        metadata: any object; ``model_metadata`` in responses.
    """

    provider_account_id: str
    model_id: str
    custom_name: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None


@dataclass
class ModelUpdate(Model):
    """Changes of a model; ``custom_name=""`` clears its display name, None leaves it unchanged."""

    custom_name: Optional[str] = None
    enabled_for_monitoring: Optional[bool] = None
    enabled_for_benchmark: Optional[bool] = None


@dataclass
class MonitoringConfigUpdate(Model):
    """Changes of the settings; ``interval_minutes`` is at least 1, ``prompt_pack`` the id of a PromptPack."""

    interval_minutes: Optional[int] = None
    prompt_pack: Optional[str] = None
    enabled: Optional[bool] = None


@dataclass
class BenchmarkCreate(Model):
    """A benchmark to start.

    Args:
        model_ids: one or more ids of models, without duplicates.
        prompt_pack: an id from ``list_prompt_packs``; with any other text each result is an error.
        name: a display name; the server makes one by default.
        max_tokens: 1 to 4096, by default 200.
        num_runs: calls of each model, 1 to 10, by default 3.
    """

    model_ids: List[str]
    prompt_pack: str
    name: Optional[str] = None
    max_tokens: Optional[int] = None
    num_runs: Optional[int] = None


@dataclass
class AlertRuleCreate(Model):
    """A rule that raises alerts.

    Args:
        name: 1 to 255 characters.
        rule_type: ``any_model_down``, ``specific_model_down``, ``model_unavailable_everywhere`` or
            ``performance_degradation``, which never raises one; the server accepts any text.
        target_model_id: the id of the model for ``specific_model_down``.
        target_model_name: the name of the model for ``model_unavailable_everywhere``.
        enabled, notify_in_app: by default True.
    """

    name: str
    rule_type: str
    target_model_id: Optional[str] = None
    target_model_name: Optional[str] = None
    enabled: Optional[bool] = None
    notify_in_app: Optional[bool] = None


@dataclass
class AlertRuleUpdate(Model):
    """Changes of an alert rule, as in AlertRuleCreate."""

    name: Optional[str] = None
    enabled: Optional[bool] = None
    notify_in_app: Optional[bool] = None
