"""What goes to ArgusLM. What is None is not sent: the server takes its default, or leaves it as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Dict, List, Optional, Union

from .._core.dates import format_utc, parse_datetime
from .._core.model import Model

DateTimeLike = Union[datetime, date, str]


def format_datetime_param(value: Optional[DateTimeLike]) -> Optional[str]:
    """Return a date-time for a query: in UTC, with ``Z``.

    With SQLite the server compares date-times as text. What is none goes out as it is: the server says so.
    """
    if value is None:
        return None
    if not isinstance(value, (date, str)):
        raise TypeError(f"a date-time must be a datetime, a date or text, not {type(value).__name__}")
    found = parse_datetime(value if isinstance(value, (datetime, str)) else value.isoformat())
    return format_utc(found)


@dataclass
class ProviderCreate(Model):
    """A provider account to create, or to try.

    Args:
        display_name: a name to show, at most 255 characters.
        provider_type: an id of ``get_provider_catalog``; the server takes any text.
        credentials: what the kind of provider needs: ``api_key``, ``base_url``, ``region``, ... Never shown.
    """

    display_name: str
    provider_type: str
    credentials: Optional[Dict[str, Any]] = field(default=None, repr=False)


@dataclass
class ProviderUpdate(Model):
    """Changes of a provider account.

    Args:
        display_name: a name to show, at most 255 characters.
        credentials: the new ones, all of them. Never shown.
        enabled: whether its models are used.
    """

    display_name: Optional[str] = None
    credentials: Optional[Dict[str, Any]] = field(default=None, repr=False)
    enabled: Optional[bool] = None


@dataclass
class ModelCreate(Model):
    """A model that the provider does not list by itself.

    Args:
        provider_account_id: the id of its provider account.
        model_id: the provider's name for it: letters, digits, hyphens and underscores only.
        custom_name: a name to show.
        metadata: anything; answers call it ``model_metadata``.
    """

    provider_account_id: str
    model_id: str
    custom_name: Optional[str] = None
    metadata: Optional[Dict[str, Any]] = None


@dataclass
class ModelUpdate(Model):
    """Changes of a model.

    Args:
        custom_name: a name to show; ``""`` clears it, None leaves it as it is.
        enabled_for_monitoring, enabled_for_benchmark: what it takes part in.
    """

    custom_name: Optional[str] = None
    enabled_for_monitoring: Optional[bool] = None
    enabled_for_benchmark: Optional[bool] = None


@dataclass
class MonitoringConfigUpdate(Model):
    """Changes of how models are monitored.

    Args:
        interval_minutes: at least 1.
        prompt_pack: an id of ``list_prompt_packs``.
        enabled: whether it runs by itself.
    """

    interval_minutes: Optional[int] = None
    prompt_pack: Optional[str] = None
    enabled: Optional[bool] = None


@dataclass
class BenchmarkCreate(Model):
    """A benchmark to start.

    Args:
        model_ids: ids of models, at least one, none twice.
        prompt_pack: an id of ``list_prompt_packs``; with any other text each result is an error.
        name: a name to show; the server makes one.
        max_tokens: 1 to 4096, 200 if left out.
        num_runs: calls of each model, 1 to 10, 3 if left out.
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
            ``performance_degradation``, which never raises one; the server takes any text.
        target_model_id: the model's id; ``specific_model_down`` needs it.
        target_model_name: the model's name; ``model_unavailable_everywhere`` needs it.
        enabled, notify_in_app: true if left out.
    """

    name: str
    rule_type: str
    target_model_id: Optional[str] = None
    target_model_name: Optional[str] = None
    enabled: Optional[bool] = None
    notify_in_app: Optional[bool] = None


@dataclass
class AlertRuleUpdate(Model):
    """Changes of an alert rule.

    Args:
        name: 1 to 255 characters.
        enabled, notify_in_app: whether it raises alerts, and shows them.
    """

    name: Optional[str] = None
    enabled: Optional[bool] = None
    notify_in_app: Optional[bool] = None
