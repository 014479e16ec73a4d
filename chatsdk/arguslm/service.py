"""ArgusLM: monitoring and benchmarks of language models, with alerts."""

from __future__ import annotations

from .._core.options import ServiceSpec
from .alerts import Alerts
from .benchmarks import Benchmarks
from .errors import OWN_CLASSES
from .language_models import Models
from .monitoring import Monitoring
from .providers import Providers


class ArgusLM(Providers, Models, Monitoring, Benchmarks, Alerts):
    """The endpoints of ArgusLM.

    The server itself checks no keys; 401, 403 and 429 come from a gateway in front of it. Ids are UUIDs: with
    anything else the answer is an UnprocessableEntityError, and NotFoundError means a UUID that is not known.
    All methods raise ArgusLMError, which is always one of the library's errors as well.
    """

    _spec = ServiceSpec(
        "arguslm", "ARGUSLM", OWN_CLASSES, timeout=30.0, max_retries=2, base_url="http://localhost:8000"
    )
