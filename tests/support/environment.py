"""What no test may see of the machine that it runs on."""

import os

PREFIXES = ("MONGARS_", "CHATSERVER_", "ARGUSLM_", "INFINITY_ASSISTANT_", "ZAGUAN_")


def is_private(name):
    """Tell whether an environment variable is a proxy, or an address or key of one of the services."""
    return name.lower().endswith("_proxy") or name.startswith(PREFIXES)


def scrub(monkeypatch):
    """Take away proxies, and the addresses and keys of all services, for the time of a test."""
    for name in list(os.environ):
        if is_private(name):
            monkeypatch.delenv(name)
