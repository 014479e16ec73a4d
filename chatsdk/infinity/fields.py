"""The keywords of the methods that take a request object too, for editors and type checkers.

A field whose name in JSON is another one is taken under both.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, TypedDict, Union

from .models import KnowledgeFilters


class ChatFields(TypedDict, total=False):
    """The fields of ChatRequest."""

    message: str
    conversation_id: Optional[str]
    conversationId: Optional[str]
    user_id: Optional[str]
    userId: Optional[str]
    user_tier: Optional[str]
    userTier: Optional[str]
    mode: Optional[str]
    user_context: Optional[str]
    userContext: Optional[str]
    preferences: Optional[Dict[str, Any]]
    essence: Optional[Dict[str, Any]]
    session_id: Optional[str]
    sessionId: Optional[str]
    driving_mode: Union[bool, Dict[str, Any], None]
    drivingMode: Union[bool, Dict[str, Any], None]


class KnowledgeSearchFields(TypedDict, total=False):
    """The fields of KnowledgeSearchRequest."""

    query: str
    limit: Optional[int]
    type: Optional[str]
    domain: Optional[str]
    tags: Optional[List[str]]
    user_id: Optional[str]
    userId: Optional[str]
    user_tier: Optional[str]
    userTier: Optional[str]
    filters: Union[KnowledgeFilters, Mapping[str, Any], None]


class ResearchFields(TypedDict, total=False):
    """The fields of ResearchRequest."""

    topic: Optional[str]
    query: Optional[str]
    mode: Optional[str]
    depth: Optional[str]
    context: Optional[str]
    domains: Optional[List[str]]
    max_sources: Optional[int]
    maxSources: Optional[int]
    include_external: Optional[bool]
    includeExternal: Optional[bool]
    sources: Optional[int]
