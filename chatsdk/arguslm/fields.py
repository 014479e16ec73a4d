"""The keywords of methods that take a request object, for editors and type checkers."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict


class ProviderCreateFields(TypedDict, total=False):
    """The fields of ProviderCreate."""

    display_name: str
    provider_type: str
    credentials: Optional[Dict[str, Any]]


class ProviderUpdateFields(TypedDict, total=False):
    """The fields of ProviderUpdate."""

    display_name: Optional[str]
    credentials: Optional[Dict[str, Any]]
    enabled: Optional[bool]


class ModelCreateFields(TypedDict, total=False):
    """The fields of ModelCreate."""

    provider_account_id: str
    model_id: str
    custom_name: Optional[str]
    metadata: Optional[Dict[str, Any]]


class ModelUpdateFields(TypedDict, total=False):
    """The fields of ModelUpdate."""

    custom_name: Optional[str]
    enabled_for_monitoring: Optional[bool]
    enabled_for_benchmark: Optional[bool]


class MonitoringConfigUpdateFields(TypedDict, total=False):
    """The fields of MonitoringConfigUpdate."""

    interval_minutes: Optional[int]
    prompt_pack: Optional[str]
    enabled: Optional[bool]


class BenchmarkCreateFields(TypedDict, total=False):
    """The fields of BenchmarkCreate."""

    model_ids: List[str]
    prompt_pack: str
    name: Optional[str]
    max_tokens: Optional[int]
    num_runs: Optional[int]


class AlertRuleCreateFields(TypedDict, total=False):
    """The fields of AlertRuleCreate."""

    name: str
    rule_type: str
    target_model_id: Optional[str]
    target_model_name: Optional[str]
    enabled: Optional[bool]
    notify_in_app: Optional[bool]


class AlertRuleUpdateFields(TypedDict, total=False):
    """The fields of AlertRuleUpdate."""

    name: Optional[str]
    enabled: Optional[bool]
    notify_in_app: Optional[bool]
