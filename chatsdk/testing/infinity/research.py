"""Research: what the knowledge base has on a topic."""

import threading
from typing import Any, Dict, List, Set, Tuple

from ..exchange import Reply, Request
from .errors import unsuccessful
from .ids import milliseconds
from .knowledge import Item, find
from .reading import read_body, required_text

_FINDINGS = {"quick": 2, "standard": 5, "deep": 10, "comprehensive": 20}  # at most; an unknown mode has none
_BUDGETS = {"quick": "< 500ms", "standard": "< 2s", "deep": "< 10s", "comprehensive": "< 30s"}
_ECHOED = ("context", "domains", "maxSources", "includeExternal")
_INSIGHTS = 3
_CRASH = unsuccessful(500, "Failed to conduct research", "Unexpected end of JSON input")
_NO_TOPIC = unsuccessful(400, "Topic is required and must be a non-empty string")


class Research:
    """POST /research and GET /research. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: Set[Tuple[str, str]] = set()
        self._found: List[int] = []  # findings of each research

    def conduct(self, request: Request) -> Reply:
        """POST /research."""
        start = milliseconds()
        asked = read_body(request, _CRASH)
        topic = required_text(asked, "topic", _NO_TOPIC).strip()
        mode = asked.get("mode") or "standard"
        most = _FINDINGS.get(mode, 0) if isinstance(mode, str) else 0
        domains = asked.get("domains")
        hits = find(topic, domains=domains if isinstance(domains, list) else None)
        findings = [_finding(item, score) for item, score in hits[:most]]
        with self._lock:
            self._found.append(len(findings))
            self._done.add((topic, str(mode)))
        end = milliseconds()
        result = {
            "query": {"topic": topic, "mode": mode, **{key: asked[key] for key in _ECHOED if key in asked}},
            "findings": findings,
            "synthesis": _synthesis(topic, findings, names_gaps=most > _FINDINGS["quick"]),
            "sources": {"internal": len(findings), "external": 0, "total": len(findings)},
            "timing": {"startTime": start, "endTime": end, "durationMs": end - start},
            "mode": mode,
        }
        return Reply.json({"success": True, "result": result})

    def status(self, request: Request) -> Reply:
        """GET /research: who asks the same again is answered from a cache."""
        with self._lock:
            total, findings = len(self._found), sum(self._found)
            hits = total - len(self._done)
        metrics = {
            "totalResearches": total,
            "cacheHits": hits,
            "avgTimeMs": 0,
            "avgFindings": round(findings / total, 1) if total else 0,
        }
        return Reply.json(
            {
                "success": True,
                "status": "available",
                "metrics": metrics,
                "modes": list(_FINDINGS),
                "timeBudgets": _BUDGETS,
            }
        )


def _finding(item: Item, score: float) -> Dict[str, Any]:
    return {
        "id": item.id,
        "content": item.content,
        "source": "local-memory",
        "sourceType": item.kind,
        "relevance": score,
        "confidence": 0.75,
        "domain": item.domain,
        "metadata": {},
    }


def _synthesis(topic: str, findings: List[Dict[str, Any]], names_gaps: bool) -> Dict[str, Any]:
    gaps = [f'No verified facts found for "{topic}"']
    if not any(finding["sourceType"] == "wisdom" for finding in findings):
        gaps.append(f'No wisdom/principles found for "{topic}"')
    return {
        "summary": f'Research on "{topic}" completed with {len(findings)} findings.',
        "keyInsights": [finding["content"] for finding in findings[:_INSIGHTS]],
        "recommendations": [],
        "gaps": gaps if names_gaps else [],
        "confidence": 0.7 if findings else 0.3,
    }
