"""The public call that makes a recorded request."""

from chatsdk import Client, Service

from .services import SERVICES

KEY = "sk-recorded"


def service_at(recording, host):
    """A namespace of a Client of its own, which sends nothing twice."""
    base_url = host + SERVICES[recording.service].BASE_PATH
    settings = Service(base_url, api_key=KEY, max_retries=0, timeout=5.0)
    return getattr(Client(**{recording.service: settings}), recording.service)


def call(service, recording):
    """Make the call; of a stream return the Stream, its events unread."""
    if not recording.offered:
        return other(service, recording)
    return SERVICES[recording.service].call(service, recording)


def other(service, recording):
    """The escape hatch, for endpoints without a method."""
    request = recording.request
    path = request["path"]
    base_path = SERVICES[recording.service].BASE_PATH
    if path.startswith(base_path + "/"):
        path = path[len(base_path) :]
    body = {"json": recording.json}
    if request.get("files"):
        body = {"data": request["form"], "files": {"file": ("a.wav", b"RIFF", "audio/wav")}}
    elif request.get("form"):
        body = {"data": request["form"]}
    elif recording.raw is not None:
        given = {name.lower(): value for name, value in request["headers"].items()}
        headers = {"Content-Type": given.get("content-type", "application/json")}
        body = {"data": recording.raw.encode("utf-8"), "headers": headers}
    return service.request(request["method"], path, params=request["query"], **body)
