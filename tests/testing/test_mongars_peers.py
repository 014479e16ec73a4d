import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from chatsdk.testing.mongars import clock as real_clock, peer_payload

from .mongars import Clock, as_user, say

PEER = "/api/v1/peer/"
# Made with the key of another server, so that nobody here can read it.
FERNET = (
    "gAAAAABrABZk89W9ZY4EMl7xRvs3dmEqEwcnN-Ip1WEzFaLjyqiIoyLLPlN0wiDjmYXbTnnVVcwK9JQvncdiLjW8zm8toDPBjQ=="
)
OWN = {"scheduler_id": "local-scheduler", "concurrency": 1, "queue_depth": 0, "active_workers": 0}
IDLE = {"scheduler_id": None, "queue_depth": 0, "active_workers": 0, "concurrency": 0, "load_factor": 0.0}


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def register(mongars, url, call="register"):
    answer = mongars.post(PEER + call, json={"url": url})
    assert answer.status_code == 200, answer.text
    return answer.json()["status"], answer.json()["count"]


def publish(mongars, **report):
    answer = mongars.post(PEER + "telemetry", json=report)
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})


def reports(mongars):
    return mongars.get(PEER + "telemetry").json()["telemetry"]


def problem_of(answer):
    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["detail"]
    return problem


class TestRegistry:
    def test_peers_come_and_go(self, mongars):
        assert register(mongars, "https://b.example:8443/api/") == ("registered", 1)
        assert register(mongars, "https://B.example:8443/api") == ("already registered", 1)
        assert register(mongars, "HTTP://A.Example:80") == ("registered", 2)
        assert mongars.get(PEER + "list").json() == ["http://a.example", "https://b.example:8443/api"]
        assert register(mongars, "http://a.example/", "unregister") == ("unregistered", 1)
        assert register(mongars, "http://a.example", "unregister") == ("not registered", 1)
        assert mongars.get(PEER + "list").json() == ["https://b.example:8443/api"]

    def test_many_at_a_time(self, mongars):
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda n: register(mongars, f"http://p{n % 4}.example"), range(16)))
        assert [status for status, _ in found].count("registered") == 4
        assert len(mongars.get(PEER + "list").json()) == 4

    @pytest.mark.parametrize("call", ["register", "unregister"])
    @pytest.mark.parametrize(
        ("url", "kind"),
        [("ftp://x", "url_scheme"), ("x", "url_parsing"), ("http://", "url_parsing"), (None, "url_type")],
    )
    def test_bad_urls(self, mongars, call, url, kind):
        problem = problem_of(mongars.post(PEER + call, json={"url": url}))
        assert (problem["type"], problem["loc"], problem["input"]) == (kind, ["body", "url"], url)


class TestMessages:
    @pytest.mark.parametrize(
        "value",
        [{"kind": "task", "nested": {"list": [1, 2.5, True, None]}}, "café 🚀", [], 0, "", None, "x" * 5000],
    )
    def test_the_answer_has_the_value_in_clear(self, mongars, value):
        alice = as_user(mongars, "alice")
        answer = alice.post(PEER + "message", json={"payload": f" {peer_payload(value)}\n"})
        assert (answer.status_code, answer.json()) == (200, {"status": "received", "data": value})

    def test_payloads_have_the_form_of_fernet_tokens(self):
        token = base64.urlsafe_b64decode(peer_payload({"a": 1}))
        assert token[0] == 0x80
        assert abs(int.from_bytes(token[1:9], "big") - time.time()) < 60
        assert len(token) == 1 + 8 + 16 + 16 + 32
        assert peer_payload("x").startswith("gAAAAA")

    def test_payloads_are_json(self):
        with pytest.raises(ValueError, match="JSON"):
            peer_payload(float("nan"))
        with pytest.raises(TypeError):
            peer_payload(object())

    @pytest.mark.parametrize(
        "payload",
        [
            FERNET,
            "plain text",
            '{"kind":"task"}',
            "gAAAAA",
            "é",
        ],
    )
    def test_what_the_server_cannot_read(self, mongars, payload):
        self.check_refused(mongars, payload)

    def test_damaged_payloads(self, mongars):
        payload = peer_payload("x")
        self.check_refused(mongars, payload[:-4])
        # The ninth character comes from the time: no fixed one differs from it on every day.
        self.check_refused(mongars, payload[:8] + ("C" if payload[8] == "B" else "B") + payload[9:])

    @staticmethod
    def check_refused(mongars, payload):
        answer = mongars.post(PEER + "message", json={"payload": payload})
        assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid peer payload"})

    @pytest.mark.parametrize(
        ("payload", "kind"),
        [("", "string_too_short"), ("  ", "value_error"), ({"kind": "task"}, "string_type")],
    )
    def test_bad_payloads(self, mongars, payload, kind):
        problem = problem_of(mongars.post(PEER + "message", json={"payload": payload}))
        assert (problem["type"], problem["loc"]) == (kind, ["body", "payload"])


class TestTelemetry:
    def test_every_field_is_optional_and_comes_back(self, mongars, clock):
        publish(mongars)
        (row,) = reports(mongars)
        now = datetime.fromtimestamp(clock.seconds, timezone.utc).replace(tzinfo=None)
        assert row == {
            "scheduler_id": None,
            "queue_depth": 0,
            "active_workers": 0,
            "concurrency": 1,
            "load_factor": 0.0,
            "worker_uptime_seconds": 0.0,
            "tasks_processed": 0,
            "tasks_failed": 0,
            "task_failure_rate": 0.0,
            "observed_at": now.isoformat() + "Z",
            "source": None,
        }

    def test_fields_are_kept(self, mongars):
        report = {
            "scheduler_id": "s",
            "queue_depth": 1,
            "active_workers": 2,
            "concurrency": 4,
            "load_factor": 1.5,
            "worker_uptime_seconds": 3600.0,
            "tasks_processed": 128,
            "tasks_failed": 3,
            "task_failure_rate": 0.0234375,
            "observed_at": "2025-10-06T12:34:56Z",
            "source": "https://s.example",
        }
        publish(mongars, **report)
        assert reports(mongars) == [report]

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("2025-10-06T12:34:56.789012", "2025-10-06T12:34:56.789012Z"),
            ("2025-10-06T14:34:56+02:00", "2025-10-06T12:34:56Z"),
            ("2025-10-06", "2025-10-06T00:00:00Z"),
        ],
    )
    def test_times_are_shown_in_utc(self, mongars, sent, shown):
        publish(mongars, observed_at=sent)
        assert reports(mongars)[0]["observed_at"] == shown

    def test_a_report_replaces_the_one_of_the_same_source_or_scheduler(self, mongars):
        publish(mongars, source="https://a.example//", scheduler_id="s", queue_depth=1)
        publish(mongars, source="https://a.example", scheduler_id="t", queue_depth=2)
        publish(mongars, scheduler_id="s", queue_depth=3)
        publish(mongars, scheduler_id="s", queue_depth=4, source="")
        found = [(row["source"], row["scheduler_id"], row["queue_depth"]) for row in reports(mongars)]
        assert sorted(found, key=lambda row: row[2]) == [("https://a.example", "t", 2), ("", "s", 4)]

    def test_reports_of_nobody_stay_separate(self, mongars):
        for depth in range(3):
            publish(mongars, queue_depth=depth)
        assert sorted(row["queue_depth"] for row in reports(mongars)) == [0, 1, 2]

    def test_the_last_observed_comes_first(self, mongars):
        for source, time_sent in (
            ("b", "2025-10-06T12:00:00Z"),
            ("a", "2025-10-06T15:00:00+02:00"),
            ("c", "2025-10-06T11:59:59.999999"),
        ):
            publish(mongars, source=source, observed_at=time_sent)
        publish(mongars, source="now")
        assert [row["source"] for row in reports(mongars)] == ["now", "a", "b", "c"]

    def test_reports_vanish_after_two_minutes(self, mongars, clock):
        publish(mongars, source="old", observed_at="2099-01-01T00:00:00Z")
        clock.move_on(60)
        publish(mongars, source="new", observed_at="2000-01-01T00:00:00Z")
        clock.move_on(60)
        assert [row["source"] for row in reports(mongars)] == ["old", "new"]
        clock.move_on(1)
        assert [row["source"] for row in reports(mongars)] == ["new"]
        clock.move_on(60)
        assert reports(mongars) == []

    def test_the_server_s_own_report(self, mongars, clock):
        assert (reports(mongars), mongars.get(PEER + "load").json()) == ([], IDLE)
        clock.move_on(10)
        say(mongars, "one", "two", clock=clock)
        (row,) = reports(mongars)
        assert row["source"] == "local"
        assert row["tasks_processed"] == 2
        assert row["worker_uptime_seconds"] > 5
        assert {name: row[name] for name in OWN} == OWN
        assert mongars.get(PEER + "load").json() == {**IDLE, **OWN}

    def test_infinity_becomes_zero(self, mongars):
        answer = mongars.post(PEER + "telemetry", data=b'{"load_factor": Infinity, "source": "i"}')
        assert answer.status_code == 202
        assert reports(mongars)[0]["load_factor"] == 0.0

    def test_nan_crashes_the_service(self, mongars):
        answer = mongars.post(PEER + "telemetry", data=b'{"load_factor": NaN}')
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        assert reports(mongars) == []

    @pytest.mark.parametrize(
        ("name", "value", "kind"),
        [
            ("scheduler_id", 5, "string_type"),
            ("queue_depth", -1, "greater_than_equal"),
            ("active_workers", 1.5, "int_from_float"),
            ("concurrency", "x", "int_parsing"),
            ("load_factor", -0.5, "greater_than_equal"),
            ("worker_uptime_seconds", None, "float_type"),
            ("task_failure_rate", [], "float_type"),
            ("observed_at", "yesterday", "datetime_from_date_parsing"),
            ("observed_at", [], "datetime_type"),
            ("source", "x" * 2049, "string_too_long"),
        ],
    )
    def test_bad_values(self, mongars, name, value, kind):
        problem = problem_of(mongars.post(PEER + "telemetry", json={name: value}))
        assert (problem["type"], problem["loc"], problem["input"]) == (kind, ["body", name], value)

    def test_many_at_a_time(self, mongars):
        barrier = threading.Barrier(8)

        def report(number):
            barrier.wait(5)
            publish(mongars, source=f"s{number % 4}")
            return len(reports(mongars))

        with ThreadPoolExecutor(8) as pool:
            assert max(pool.map(report, range(8))) == 4


def test_the_clock_goes_on():
    before = real_clock.now()
    assert abs(before - time.time()) < 5
    assert real_clock.now() >= before
    assert real_clock.iso(real_clock.moment(1759754096)) == "2025-10-06T12:34:56Z"
    assert real_clock.iso(real_clock.moment(1759754096.5)) == "2025-10-06T12:34:56.500000Z"
