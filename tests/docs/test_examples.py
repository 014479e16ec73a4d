"""The examples, each once as a process of its own; the longer ones also have tests beside this file."""

import ast
import re
from typing import Any, Dict, List

from chatsdk import Client
from chatsdk.testing import LocalServer
from tests.docs.programs import EXAMPLES, OFFLINE, Done, run_main
from tests.support.cases import for_each

ACCOUNT = {"MONGARS_USERNAME": "alice", "MONGARS_PASSWORD": "secret-password"}


def lines_of(name: str, *arguments: str, **variables: str) -> List[str]:
    return lines(run_main(None, name, *arguments, **variables))


def lines(done: "Done[str]") -> List[str]:
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


@for_each(EXAMPLES)
def test_says_how_to_run_it(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text is not None
    assert f"python examples/{path.name}" in text


def test_no_example_shows_a_key(offline: Any):
    assert len(offline) == len(EXAMPLES)
    for done, _ in offline.values():
        assert done.returncode == 0, done.args
        for secret in ("secret-of", "local-key", "eyJ"):
            assert secret not in done.stdout + done.stderr, done.args


def test_quickstart_offline(offline: Any):
    shown = lines(offline["quickstart.py"].done)
    assert [line for line in shown if "offline" in line or "LocalServer" in line] == [OFFLINE]
    assert_quickstart(shown)


def assert_quickstart(shown: List[str]) -> None:
    starts = [number for number, line in enumerate(shown) if line == ""]
    parts = [shown[start + 1 : end] for start, end in zip(starts, [*starts[1:], len(shown)])]
    assert [part[0] for part in parts] == [
        "Zaguan CoreX",
        "ChatServer",
        "monGARS",
        "Infinity Assistant",
        "ArgusLM",
    ]
    zaguan, chatserver, mongars, infinity, arguslm = (part[1:] for part in parts)
    assert zaguan == [
        "  6 models, using openai/gpt-4o-mini",
        "  chat: Hello! You said: Say hello in one sentence.",
        "  tokens: 17",
        "  stream: Hello! You said: Count to five.",
    ]
    assert chatserver == [
        "  4 models, using claude-haiku-4-5@20251001",
        "  chat: Hello! You said: What is recursion?",
        "  stream: Hello! You said: Give me an example.",
        "  stored session 'What is recursion?':",
        "    0 user: What is recursion?",
        "    1 assistant: Hello! You said: What is recursion?",
        "    2 user: Give me an example.",
        "    3 assistant: Hello! You said: Give me an example.",
    ]
    assert mongars == [
        "  logged in: alice",
        "  chat: Hello! You said: Say hello in one sentence.",
        "  history: Say hello in one sentence. -> Hello! You said: Say hello in one sentence.",
        "  suggestions: code, summarize, explain",
    ]
    assert infinity[:2] == [
        "  chat: Hello! You said: Say hello in one sentence.",
        "  stream: Hello! You said: Count to five.",
    ]
    assert infinity[2].startswith("  knowledge: ")
    assert infinity[-1] == "  memory: {'theme': 'dark'}"
    assert arguslm[0].startswith("  uptime: ")
    assert arguslm[-3].startswith("  1/2 ")
    assert arguslm[-2].startswith("  2/2 ")
    assert arguslm[-1].startswith("  exported: ")


def test_quickstart_with_servers_in_the_environment(server: LocalServer, addresses: Dict[str, str]):
    shown = lines_of("quickstart.py", **addresses, **ACCOUNT)
    assert OFFLINE not in shown
    assert_quickstart(shown)
    assert {request.service for request in server.requests} == set(server.services())
    text = "\n".join(shown)
    assert addresses["ZAGUAN_API_KEY"] not in text
    assert ACCOUNT["MONGARS_PASSWORD"] not in text


def test_quickstart_with_one_server_as_an_argument(server: LocalServer):
    user = "00000000-0000-0000-0000-000000000001"
    shown = lines_of("quickstart.py", "--chatserver", server.url("chatserver"), "--user", user)
    assert OFFLINE not in shown
    assert shown[:2] == ["", "ChatServer"]
    assert shown.count("") == 1
    assert {request.service for request in server.requests} == {"chatserver"}
    assert server.requests[-1].query == {"user_id": [user]}


def test_quickstart_with_a_token_instead_of_a_login(server: LocalServer):
    with Client(mongars=server.url("mongars")) as client:
        token = client.mongars.login("alice", "secret-password").access_token
    shown = lines_of("quickstart.py", "--mongars", server.url("mongars"), MONGARS_API_KEY=token)
    assert shown[2] == "  chat: Hello! You said: Say hello in one sentence."
    assert [request.path for request in server.requests].count("/token") == 1
    assert token not in "\n".join(shown)


def test_quickstart_without_a_model_to_measure(server: LocalServer):
    with Client(arguslm=server.services()["arguslm"]) as client:
        for model in client.arguslm.iter_models():
            client.arguslm.update_model(model.id, enabled_for_benchmark=False)
    shown = lines_of("quickstart.py", "--arguslm", server.url("arguslm"))
    assert shown[-1] == "  no model is enabled for benchmarks"


def test_quickstart_that_fails_says_so_in_one_line(addresses: Dict[str, str]):
    done = run_main(None, "quickstart.py", **{**addresses, "ZAGUAN_API_KEY": "another-key"})
    assert done.returncode == 1
    assert re.fullmatch(r"AuthenticationError: HTTP 401: Invalid API key \(.*\)\n", done.stderr)


STREAMS = [
    "Hello!| You| said:| Tell| me| a| story|||",
    "finish_reason: stop",
    "full text: Hello! You said: Tell me a story",
    "tokens: 13",
    "without a loop: Hello! You said: A long essay, please",
    "tool call: get_weather {'city': 'text'}",
    "stopped at chunk 3: ' said:'",
]


def test_streaming_offline(offline: Any):
    assert lines(offline["streaming.py"].done) == [OFFLINE, *STREAMS]


def test_streaming_with_a_server(server: LocalServer, addresses: Dict[str, str]):
    assert lines_of("streaming.py", **addresses) == STREAMS
    assert len(server.requests) == 4


def test_tools(offline: Any):
    shown = lines(offline["tools.py"].done)
    assert shown[0].startswith("the model sees: {'city': {'type': 'string', 'description': 'The name of")
    assert shown[1:-1] == [
        "plain: It is cold in Oslo.",
        "stream: It is mild in Rome; I do not know Atlantis.",
        "  system: Be brief.",
        "  user: What is the weather in Oslo?",
        "  assistant: ['get_weather']",
        "  tool: -3.0",
        "  assistant: It is cold in Oslo.",
        "  user: And in Rome and Atlantis?",
        "  assistant: ['get_weather', 'get_weather']",
        "  tool: 57.2",
        "  tool: KeyError: 'Atlantis'",
        "  assistant: It is mild in Rome; I do not know Atlantis.",
    ]
    assert int(shown[-1].split()[1]) > 50


def test_typed_answers(offline: Any):
    good, *bad = lines(offline["typed_answers.py"].done)
    assert good == "Oslo 2025-01-02 -3.0 sun"
    assert [line.partition(":")[0] for line in bad] == ["invalid", "length", "refusal"]
    assert "days[0].day must be a JSON string in the format date" in bad[0]
    assert bad[1].endswith("""the text was '{"city": "Os'""")


def test_errors(offline: Any):
    shown = lines(offline["errors.py"].done)
    assert [line[:3] for line in shown if line[0] != " "] == [
        "400",
        "422",
        "404",
        "500",
        "429",
        "402",
        "403",
        "401",
        "cut",
    ]
    assert "422  body.temperature: Input should be less than or equal to 2" in shown
    assert "     retry_after: 3600.0 s" in shown
    assert "402  5 credits required, 3 remaining" in shown
    assert shown[-1] == "     so far: 'Hello! You said: Tell'"


def test_batch(offline: Any):
    failed, first, answer, second, rows = lines(offline["batch.py"].done)
    assert failed.startswith("failed: HTTP 400: the model is not available (POST ")
    assert first.startswith("first run: 5 done, 1 failed, 0 skipped, ")
    assert answer.startswith("Hello! You said: What is the capital of the country of ")
    assert second.startswith("second run: 1 done, 0 failed, 5 skipped, ")
    assert rows.startswith("6 answers, ")
