"""The stand-in of monGARS.

`peer_payload` makes what `send_peer_message` may send to it, and `sign` a token with any claims.
"""

from .dialect import MonGARS
from .payloads import peer_payload
from .tokens import sign

__all__ = ["MonGARS", "peer_payload", "sign"]
