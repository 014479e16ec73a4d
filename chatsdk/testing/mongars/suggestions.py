"""monGARS's suggestions of what to do with a prompt."""

from ..exchange import Reply, Request
from ..validation import Field, body, nullable
from .rules import filled, names
from .tokens import User

_ASKED = {
    "prompt": Field(filled("prompt", max_length=8000)),
    "actions": Field(nullable(names("actions", if_none="must include at least one non-empty value")), None),
}
_DEFAULT_ACTIONS = ("code", "summarize", "explain")


def suggest(request: Request, user: User) -> Reply:
    """POST /api/v1/ui/suggestions: first the actions that the prompt names most often."""
    asked = body(request, _ASKED)
    prompt = asked["prompt"].lower()
    actions = sorted(asked["actions"] or _DEFAULT_ACTIONS, key=lambda action: -prompt.count(action.lower()))
    scores = {action: float(len(actions) - rank) for rank, action in enumerate(actions)}
    return Reply.json({"actions": actions, "scores": scores, "model": "heuristic-keyword"})
