"""The examples, each as a process of its own."""

import ast
import os
import subprocess
import sys
from typing import Dict, List

import pytest

from chatsdk.testing import LocalServer
from tests.docs.conftest import ROOT, VARIABLES

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OFFLINE = "No server is configured, so this runs offline against chatsdk.testing.LocalServer."


def run(name: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    # The checkout itself is tested, whether or not it is installed.
    path = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
    env.update(PYTHONPATH=path, PYTHONIOENCODING="utf-8", **variables)
    return subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def lines_of(name: str, *arguments: str, **variables: str) -> List[str]:
    done = run(name, *arguments, **variables)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_says_how_to_run_it(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text is not None
    assert f"python examples/{path.name}" in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_shows_no_key(path):
    done = run(path.name, ZAGUAN_API_KEY="secret-of-zaguan", CHATSERVER_API_KEY="secret-of-chatserver")
    assert done.returncode == 0
    for secret in ("secret-of", "local-key"):
        assert secret not in done.stdout + done.stderr


def test_quickstart_offline():
    lines = lines_of("quickstart.py")
    assert [line for line in lines if "offline" in line or "LocalServer" in line] == [OFFLINE]
    assert_quickstart(lines)


def assert_quickstart(lines: List[str]) -> None:
    shown = "\n".join(lines)
    assert "6 models, this one answers: openai/gpt-4o-mini" in shown
    assert "  chat: Hello! You said: Say hello in one sentence." in lines
    assert "  stream: Hello! You said: Count to five." in lines
    assert "4 models, this one answers: claude-haiku-4-5@20251001" in shown
    assert "  stream: Hello! You said: Give me an example." in lines
    assert lines[-5:] == [
        "  stored session 'What is recursion?':",
        "    0 user: What is recursion?",
        "    1 assistant: Hello! You said: What is recursion?",
        "    2 user: Give me an example.",
        "    3 assistant: Hello! You said: Give me an example.",
    ]


def test_quickstart_with_servers_in_the_environment(server: LocalServer, addresses: Dict[str, str]):
    lines = lines_of("quickstart.py", **addresses)
    assert OFFLINE not in lines
    assert_quickstart(lines)
    assert {request.service for request in server.requests} == {"zaguan", "chatserver"}
    assert addresses["ZAGUAN_API_KEY"] not in "\n".join(lines)


def test_quickstart_with_one_server_as_an_argument(server: LocalServer):
    user = "00000000-0000-0000-0000-000000000001"
    lines = lines_of("quickstart.py", "--chatserver", server.url("chatserver"), "--user", user)
    assert OFFLINE not in lines
    assert "Zaguan CoreX" not in lines
    assert {request.service for request in server.requests} == {"chatserver"}
    assert server.requests[-1].query == {"user_id": [user]}


def test_quickstart_that_fails_says_so_in_one_line(addresses: Dict[str, str]):
    done = run("quickstart.py", **{**addresses, "ZAGUAN_API_KEY": "another-key"})
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["AuthenticationError: Invalid API key"]


STREAMS = [
    "Hello!| You| said:| Tell| me| a| story|||",
    "finish_reason: stop",
    "whole text: Hello! You said: Tell me a story",
    "tokens: 13",
    "without a loop: Hello! You said: A long essay, please",
    "tool call: get_weather({})",
    "left at chunk 3: ' said:'",
]


def test_streaming_offline():
    assert lines_of("streaming.py") == [OFFLINE, *STREAMS]


def test_streaming_with_a_server(server: LocalServer, addresses: Dict[str, str]):
    assert lines_of("streaming.py", **addresses) == STREAMS
    assert len(server.requests) == 4


def test_errors():
    lines = lines_of("errors.py")
    assert [line[:3] for line in lines if line[0] != " "] == [
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
    assert "422  body.temperature: Input should be less than or equal to 2" in lines
    assert "     retry_after: 3600.0 s" in lines
    assert "402  5 credits required, 3 remaining" in lines
    assert lines[-1] == "     so far: 'Hello! You said: Tell'"
