"""What is of one service only: a module for each, found by itself. Its recordings have the module's name.

A module must have:

- ``BASE``: the base of the service's errors.
- ``OFFERED``: the endpoints that a method asks for, such as ``"GET /v1/things/{id}"``.
- ``WITHOUT_METHOD``: all other recorded endpoints.
- ``endpoint(recording)``: the method and normalised path of a recording, as they stand in these two sets.
- ``call(service, recording)``: make the public call of an offered endpoint; of a stream return the Stream.
- ``listed(recording)``: the recorded body in the form that the method returns.
- ``KNOWN_EXTRAS``: the ``Class.key`` that servers send beyond the fields of the models.

What it may have beside them, and what stands there otherwise, is in ``_OTHERWISE``.
"""

import pkgutil
from importlib import import_module

_OTHERWISE = {
    # Whether it speaks OpenAI's dialect at .../chat/completions: many tests are about that alone.
    "SPEAKS_OPENAI": False,
    # The part of the recorded paths that belongs to the base URL.
    "BASE_PATH": "",
    # Classes of errors of its own, by status or by the server's word for the failure.
    "OWN_ERRORS": {},
    # Endpoints whose method returns a Download.
    "DOWNLOADS": set(),
    # Where a method asks another endpoint than the recorded one, by the recorded one.
    "SENT_TO": {},
    # Names in query, form and JSON that a method sends because of its own defaults, by endpoint.
    "DEFAULTS": {},
    # The same of a recorded request that no caller of a method can send, by the recording's name.
    "NOT_SENDABLE": {},
    # Whether the recorded call asks for an event stream.
    "asks_for_stream": lambda recording: (
        isinstance(recording.json, dict) and bool(recording.json.get("stream"))
    ),
    # Passwords and the like in a request: errors show them nowhere, not even in the server's answer.
    "secrets": lambda recording: [],
    # Further checks of the headers that were sent.
    "check_headers": lambda recording, headers: None,
}


def _find():
    found = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found[name] = import_module(f"{__name__}.{name}")
        for option, value in _OTHERWISE.items():
            vars(found[name]).setdefault(option, value)
    return found


SERVICES = _find()
