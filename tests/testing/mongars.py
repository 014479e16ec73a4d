"""What the tests of the monGARS dialect share."""

import time

from chatsdk.testing.mongars import clock, sign

from .wire import Api

CHAT = "/api/v1/conversation/chat"
HISTORY = "/api/v1/conversation/history"


def token_of(name, admin=False, seconds=1_000_000.0):
    return sign({"sub": name, "admin": admin, "exp": time.time() + seconds})


def as_user(api, name, admin=False):
    """The same service, for somebody who may or may not have an account."""
    return Api(api.session, api.base_url, {"Authorization": f"Bearer {token_of(name, admin)}"})


class Clock:
    """The dialect's clock, set by hand: it stands still until it is moved on."""

    def __init__(self, monkeypatch):
        self.seconds = time.time()
        monkeypatch.setattr(clock, "now", lambda: self.seconds)

    def move_on(self, seconds):
        self.seconds += seconds


def say(api, *messages, clock=None):
    """Chat, with the seconds between that the service asks for where there is a clock."""
    for message in messages:
        answer = api.post(CHAT, json={"message": message})
        assert answer.status_code == 200, answer.text
        if clock is not None:
            clock.move_on(1.0)
    return answer.json()
