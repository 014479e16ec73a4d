"""A recorded answer over a socket: chunk by chunk, and cut where it was cut."""

from tests.wire.answers import LAST_CHUNK, chunk, head
from tests.wire.server import CLOSE, WireServer

_NOT_OURS = {"connection", "content-length", "transfer-encoding", "date", "server"}


def play_on_socket(recording, size=None):
    """Return a server that gives the recorded answer, of a body that is cut only the first *size* bytes."""
    if recording.status is None:
        return WireServer(CLOSE)
    headers = {name: value for name, value in recording.headers.items() if name not in _NOT_OURS}
    headers.update({"transfer-encoding": "chunked", "connection": "close"})
    pieces = recording.pieces if size is None else [recording.body[:size]]
    end = [CLOSE] if recording.is_cut or size is not None else [LAST_CHUNK, CLOSE]
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return WireServer([head(recording.status, *lines), *map(chunk, filter(None, pieces)), *end])
