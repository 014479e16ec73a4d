"""The client of ArgusLM."""

from __future__ import annotations

from .._core.options import ServiceSpec
from .alerts import Alerts
from .benchmarks import Benchmarks
from .errors import ERROR_CLASSES
from .language_models import Models
from .monitoring import Monitoring
from .providers import Providers


class ArgusLM(Providers, Models, Monitoring, Benchmarks, Alerts):
    """ArgusLM: monitoring and benchmarks of language models, with alerts.

    A method that takes a request, such as an AlertRuleCreate, also takes a dict, or the fields as keywords.

    All errors are both an ArgusLMError and a common error, such as ``chatsdk.NotFoundError``. Each method may
    raise UnprocessableEntityError: a field is missing or invalid, a number is out of range, or an id is not a
    UUID. Methods that take an id raise NotFoundError if it is unknown. The server itself does not check keys;
    401, 403 and 429 come from a gateway in front of it.
    """

    _spec = ServiceSpec(
        "arguslm", "ARGUSLM", ERROR_CLASSES, timeout=30.0, max_retries=2, base_url="http://localhost:8000"
    )
