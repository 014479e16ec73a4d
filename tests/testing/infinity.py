"""Helpers for the tests of the fake Infinity Assistant."""

import json

from .wire import Api


class InfinityApi(Api):
    """Infinity Assistant over a requests session, which keeps its cookie."""

    def chat(self, message="Hi", **fields):
        return self.post("/chat", json={"message": message, **fields})

    def stream(self, message="Hi", **fields):
        answer = self.post("/chat/stream", json={"message": message, **fields})
        assert answer.status_code == 200, answer.text
        return named_events(answer.content.decode("utf-8"))

    def memory(self, conversation_id):
        answer = self.get("/memory", params={"conversationId": conversation_id})
        assert answer.status_code == 200, answer.text
        return answer.json()["memory"]


def named_events(text):
    """The events of a stream, as pairs of name and data."""
    *events, rest = text.split("\n\n")
    assert rest == ""
    return [named_event(event) for event in events]


def named_event(event):
    name, data = event.split("\n")
    assert name.startswith("event: ")
    assert data.startswith("data: ")
    return name[7:], json.loads(data[6:])


def text_of(events):
    return "".join(data["text"] for name, data in events if name == "chunk")
