"""The keywords of the methods that take a request object too, for editors and type checkers."""

from __future__ import annotations

from datetime import datetime
from typing import List, Optional, TypedDict, Union


class UserRegistrationFields(TypedDict, total=False):
    """The fields of UserRegistration."""

    username: str
    password: str


class ChatFields(TypedDict, total=False):
    """The fields of ChatRequest."""

    message: str
    session_id: Optional[str]
    allowed_actions: Optional[List[str]]
    approval_token: Optional[str]
    token_ref: Optional[str]


class RagContextFields(TypedDict, total=False):
    """The fields of RagContextRequest."""

    query: str
    repositories: Optional[List[str]]
    max_results: Optional[int]


class SuggestFields(TypedDict, total=False):
    """The fields of SuggestRequest."""

    prompt: str
    actions: Optional[List[str]]


class PeerRegistrationFields(TypedDict, total=False):
    """The fields of PeerRegistration."""

    url: str


class PeerTelemetryPayloadFields(TypedDict, total=False):
    """The fields of PeerTelemetryPayload."""

    scheduler_id: Optional[str]
    queue_depth: int
    active_workers: int
    concurrency: int
    load_factor: float
    worker_uptime_seconds: float
    tasks_processed: int
    tasks_failed: int
    task_failure_rate: float
    observed_at: Union[datetime, str, None]
    source: Optional[str]


class ProvisionFields(TypedDict, total=False):
    """The fields of ProvisionRequest."""

    roles: Optional[List[str]]
    force: bool
