"""Request bodies, where ArgusLM is stricter than FastAPI was before."""

import json
from dataclasses import replace
from typing import Any, Dict

from .. import validation
from ..exchange import Headers, Request
from ..validation import Fields
from .errors import crash


def body(request: Request, fields: Fields) -> Dict[str, Any]:
    """The fields of a request's JSON body; a body that does not say that it is JSON is only text.

    Raises:
        Refusal: 422 with everything that is wrong; 500 for what the database does not take.
    """
    if "content-type" not in request.headers:
        request = replace(request, headers=Headers([("content-type", "text/plain")]))
    checked = validation.body(request, fields)
    try:
        json.dumps(checked, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except ValueError:
        raise crash() from None  # NaN, or half a surrogate pair
    return checked
