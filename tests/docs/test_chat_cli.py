"""examples/chat_cli.py on a terminal, against a server in this process."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

from chatsdk.testing import LocalServer
from tests.docs.programs import PATIENCE, Done, GatedServer, command, run_main, surroundings
from tests.docs.terminal import CTRL_D, Terminal
from tests.support.cases import for_each

PREFIXES = {
    "mongars": "MONGARS",
    "chatserver": "CHATSERVER",
    "infinity": "INFINITY_ASSISTANT",
    "zaguan": "ZAGUAN",
}
STREAMING = ["chatserver", "infinity", "zaguan"]
FIRST_WORD = {"chatserver": 2, "infinity": 3, "zaguan": 2}  # events until it was sent
PROMPT = "you> "
PASSWORD = "secret-password"


class Session:
    """A server, and the program as its client, each time on a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.server = GatedServer(retrieval=True)
        self._terminals: List[Terminal] = []

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        for terminal in self._terminals:
            terminal.close()
            assert "Traceback" not in terminal.shown
            assert "local-key" not in terminal.shown
        self.server.close()
        assert self.server.errors == []

    def start(self, service: str, *arguments: str, **variables: str) -> Terminal:
        line = command("chat_cli.py", "--service", service, *arguments)
        env = surroundings(**{**address(self.server, service), **variables})
        self._terminals.append(Terminal(line, env, str(self.folder)))
        return self._terminals[-1]


def run(server: GatedServer, service: str, *arguments: str, **options: str) -> "Done[str]":
    """Run the program to its end without a terminal, as a client of the server."""
    options = {**address(server, service), **options}
    done = run_main(None, "chat_cli.py", "--service", service, *arguments, **options)
    assert "local-key" not in done.stdout + done.stderr
    return done


def address(server: LocalServer, service: str) -> Dict[str, str]:
    """The environment that leads to one service of the server, with its key."""
    known: Any = dict(server.services())[service]
    prefix = PREFIXES[service]
    return {f"{prefix}_BASE_URL": known.base_url, f"{prefix}_API_KEY": known.api_key}


def say(terminal: Terminal, text: str) -> str:
    """Say something; return the answer."""
    terminal.enter(text)
    terminal.wait_for("\n")  # the echo
    return terminal.wait_for(PROMPT)[: -len(PROMPT)]


def sent(server: LocalServer, text: str) -> Any:
    """The last body that was sent to say *text*."""
    bodies = [request.json for request in server.requests if isinstance(request.json, dict)]
    return next(body for body in reversed(bodies) if said(body) == text)


def said(body: Dict[str, Any]) -> Any:
    return body["messages"][-1]["content"] if "messages" in body else body.get("message")


def memory(body: Dict[str, Any]) -> Any:
    """What a request carries of the conversation before it."""
    if "messages" in body:
        return [message["content"] for message in body["messages"][:-1]]
    return body.get("conversationId") or body.get("session_id")


@for_each(PREFIXES, at_once=True)
def test_a_session(service: str, tmp_path: Path):
    with Session(tmp_path / service) as session:
        check_session(session, service)


def check_session(session: Session, service: str):
    server, terminal = session.server, session.start(service)
    terminal.wait_for("/reset, /retry, /model NAME, /save FILE, /quit.\n" + PROMPT)
    check_conversations(server, terminal, service)
    if service in STREAMING:
        check_pieces(server, terminal, service)
        check_ctrl_c_in_an_answer(server, terminal, service)
    check_ctrl_c_before_the_first_byte(server, terminal)
    check_errors(server, terminal, service)
    if service == "chatserver":
        check_errors_in_an_answer(server, terminal)
    if service == "zaguan":
        check_what_is_typed(server, terminal)
        check_save(server, terminal, session.folder)
        terminal.type(CTRL_D)
    else:
        terminal.enter("/quit")
    assert terminal.wait_for_end() == 0


def check_conversations(server: GatedServer, terminal: Terminal, service: str):
    assert say(terminal, "first") == "bot> Hello! You said: first\n"
    assert say(terminal, "second") == "bot> Hello! You said: second\n"
    assert say(terminal, "/reset") == "Started a new conversation.\n"
    assert say(terminal, "third") == "bot> Hello! You said: third\n"

    first, second, third = (memory(sent(server, text)) for text in ("first", "second", "third"))
    assert second
    assert second != third
    if service == "mongars":
        assert first == second
    else:
        assert first == third or service == "infinity"
        assert not first
        assert not third
    if service in ("zaguan", "chatserver"):
        assert second == ["first", "Hello! You said: first"]


def check_pieces(server: GatedServer, terminal: Terminal, service: str):
    gate = server.hold_next(after=FIRST_WORD[service])
    terminal.enter("One two")
    terminal.wait_for("bot> Hello!")
    gate.wait()
    assert "two" not in terminal.shown.rpartition("bot> ")[2]
    gate.open()
    assert terminal.wait_for(PROMPT).startswith(" You said: One two\n")


def check_ctrl_c_in_an_answer(server: GatedServer, terminal: Terminal, service: str):
    gate = server.hold_next(after=FIRST_WORD[service])
    terminal.enter("Forget this")
    terminal.wait_for("bot> Hello!")
    terminal.interrupt("\n(interrupted)\n" + PROMPT)
    gate.open()
    assert say(terminal, "Go on") == "bot> Hello! You said: Go on\n"
    assert "Forget" not in json.dumps(sent(server, "Go on"))


def check_ctrl_c_before_the_first_byte(server: GatedServer, terminal: Terminal):
    gate = server.hold_next()
    terminal.enter("Forget this")
    gate.wait()
    terminal.interrupt("\n(interrupted)\n" + PROMPT)
    gate.open()
    assert say(terminal, "Go on") == "bot> Hello! You said: Go on\n"


def check_errors(server: GatedServer, terminal: Terminal, service: str):
    server.fail(service, 500, "first line\nsecond line")
    first, second = say(terminal, "Hello").splitlines()
    assert first == "bot> "
    assert second.startswith("InternalServerError: HTTP 500: first line second line (POST http://")
    assert say(terminal, "Hello") == "bot> Hello! You said: Hello\n"


def check_errors_in_an_answer(server: GatedServer, terminal: Terminal):
    server.cut("chatserver", after=2)
    first, second = say(terminal, "Hello").splitlines()
    assert first.startswith("bot> Hello!")
    assert second.startswith("StreamInterruptedError: ")
    assert say(terminal, "/retry") == "bot> Hello! You said: Hello\n"
    assert say(terminal, "Again") == "bot> Hello! You said: Again\n"
    assert say(terminal, "/retry") == "bot> \nConversationError: there is no failed turn to repeat\n"


def check_what_is_typed(server: GatedServer, terminal: Terminal):
    terminal.type("half a line")
    terminal.wait_for("half a line")
    terminal.interrupt("\n(interrupted)\n" + PROMPT)
    assert say(terminal, "whole") == "bot> Hello! You said: whole\n"

    before = len(server.requests)
    assert say(terminal, "/help").startswith("unknown command")
    assert len(server.requests) == before

    terminal.enter('"""one')
    terminal.wait_for("...> ")
    terminal.enter("  two")
    terminal.wait_for("...> ")
    assert say(terminal, 'three"""') == "bot> Hello! You said: one\n  two\nthree\n"
    assert sent(server, "one\n  two\nthree")


def check_save(server: GatedServer, terminal: Terminal, folder: Path):
    say(terminal, "/reset")
    say(terminal, "Grüße")
    server.cut("zaguan", after=2)
    assert "StreamInterruptedError" in say(terminal, "broken")
    assert say(terminal, "/save my chat.json") == "2 messages saved.\n"
    saved = (folder / "my chat.json").read_text(encoding="utf-8")
    assert json.loads(saved)["messages"] == [
        {"role": "user", "content": "Grüße"},
        {"role": "assistant", "content": "Hello! You said: Grüße"},
    ]
    assert "Grüße" in saved
    for path in ("", "missing/chat.json", "."):
        shown = say(terminal, f"/save {path}")
        assert shown.startswith("not saved: "), path
        assert len(shown.splitlines()) == 1
    assert say(terminal, "Hello") == "bot> Hello! You said: Hello\n"


def ctrl_c_ends_it(session: Session) -> None:
    terminal = session.start("mongars", MONGARS_API_KEY="", MONGARS_USERNAME="alice")
    terminal.wait_for("password: ")
    assert "username" not in terminal.shown
    terminal.interrupt("\n")
    assert terminal.wait_for_end() == 1


def three_wrong_passwords(session: Session) -> None:
    terminal = session.start("mongars", "--username", "alice", "--login-wait", "0.05", MONGARS_API_KEY="")
    moments = []
    for attempt in range(3):
        terminal.wait_for("password: ")
        moments.append(time.monotonic())
        terminal.enter(f"guess-number-{attempt}")
        terminal.wait_for("UnauthorizedError: HTTP 401: Invalid credentials (POST http://")
    assert terminal.wait_for_end() == 1
    assert "guess" not in terminal.shown
    assert [request.path for request in session.server.requests] == ["/token"] * 3

    first, second = map(float, re.findall(r"^next attempt in ([\d.]+) s$", terminal.shown, re.M))
    assert 0.05 <= first < 0.07
    assert 0.1 <= second < 0.13
    assert moments[1] - moments[0] > 0.05
    assert moments[2] - moments[1] > 0.1


def a_right_one_after_a_wrong_one(session: Session) -> None:
    terminal = session.start("mongars", "--login-wait", "0", MONGARS_API_KEY="")
    for password in ("wrong-password", PASSWORD):
        terminal.wait_for("username: ")
        terminal.enter("alice")
        terminal.wait_for("password: ")
        terminal.enter(password)
    terminal.wait_for(PROMPT)
    assert say(terminal, "Hello") == "bot> Hello! You said: Hello\n"
    assert PASSWORD not in terminal.shown
    assert "wrong-password" not in terminal.shown


def other_errors_end_it(session: Session) -> None:
    session.server.fail("mongars", 500)
    terminal = session.start("mongars", "--username", "alice", MONGARS_API_KEY="")
    terminal.wait_for("password: ")
    terminal.enter(PASSWORD)
    assert terminal.wait_for_end() == 1
    url = session.server.url("mongars")
    last = f"InternalServerError: HTTP 500: Internal Server Error (POST {url}/token)"
    assert terminal.shown.splitlines()[-1] == last


LOGINS = [ctrl_c_ends_it, three_wrong_passwords, a_right_one_after_a_wrong_one, other_errors_end_it]


@for_each(LOGINS, at_once=True)
def test_a_login(check: Callable[[Session], None], tmp_path: Path):
    with Session(tmp_path / check.__name__) as session:
        check(session)


def test_a_login_without_input(server: GatedServer):
    done = run(server, "mongars", MONGARS_API_KEY="")
    assert (done.returncode, done.stdout) == (1, "username: \n")
    assert server.requests == []


class TestErrors:
    def test_no_models(self, server: GatedServer):
        for service in ("zaguan", "chatserver"):
            server.fail(service, 200, {"object": "list", "data": []})
            done = run(server, service)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == "the server lists no models; choose one with --model\n"

    def test_before_the_first_turn_end_it(self, server: GatedServer):
        done = run(server, "zaguan", ZAGUAN_API_KEY="wrong-key")
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"AuthenticationError: HTTP 401: Invalid API key \(.*\)\n", done.stderr)

    def test_what_a_service_cannot_do(self, server: GatedServer):
        done = run(server, "chatserver", "--tool")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "InvalidRequestError: chatserver does not support tools in a conversation\n"


def test_settings(server: GatedServer):
    server.respond("zaguan", tool_calls=[("add", {"numbers": [1, 2.5]})])
    server.respond("zaguan", "Added.")
    server.respond("zaguan", "Yes.")
    typed = "Add\n/model openai/gpt-4o-mini\nStill there?\n"
    arguments = ["--system", "Be brief.", "--tool", "--model", "openai/gpt-4o"]
    done = run(server, "zaguan", *arguments, typed=typed)
    assert done.returncode == 0
    assert "bot> (tool: add [1.0, 2.5]) Added.\n" in done.stdout
    assert sent(server, "3.5")["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent(server, "3.5")["model"] == "openai/gpt-4o"
    assert "The model is openai/gpt-4o-mini.\n" in done.stdout
    assert "bot> Yes.\n" in done.stdout
    assert sent(server, "Still there?")["model"] == "openai/gpt-4o-mini"


def test_takes_address_key_and_model_as_arguments(server: GatedServer):
    known = server.services()["zaguan"]
    arguments = ["--url", str(known.base_url), "--api-key", str(known.api_key), "--model", "openai/gpt-4o"]
    done = run(server, "zaguan", *arguments, typed="Hello\n", ZAGUAN_BASE_URL="", ZAGUAN_API_KEY="")
    assert done.returncode == 0
    assert "bot> Hello! You said: Hello\n" in done.stdout
    assert [request.json["model"] for request in server.requests] == ["openai/gpt-4o"]


def test_offline():
    real = {"MONGARS_API_KEY": "a-real-token", "MONGARS_USERNAME": "bob"}  # not for the stand-in
    for service in PREFIXES:
        done = run_main(None, "chat_cli.py", "--service", service, typed="Hello\n", **real)
        assert (done.returncode, done.stderr) == (0, "")
        assert "runs offline" in done.stdout
        assert "bot> Hello! You said: Hello\n" in done.stdout


def test_nobody_reads_on(server: GatedServer):
    env = surroundings(**address(server, "zaguan"))
    with subprocess.Popen(
        command("chat_cli.py"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        encoding="utf-8",
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        program.stdin.write("Hello\n")
        program.stdin.close()
        assert program.stderr.read() == ""
        assert program.wait(PATIENCE) == 1
