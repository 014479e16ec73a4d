"""Chat in a terminal with any of the four chat services.

Offline, against a stand-in that the script starts itself:

    python examples/chat_cli.py --service mongars

Against a real server; its key comes from the environment (ZAGUAN_API_KEY, ...) or from --api-key:

    python examples/chat_cli.py --service mongars --url http://localhost:8000 --username alice
    ZAGUAN_BASE_URL=https://api.zaguanai.com python examples/chat_cli.py --model openai/gpt-4o

While it runs: /reset begins a new conversation, /retry asks again after a turn that failed, /model NAME
changes the model, /save FILE writes the conversation as JSON, /quit (or Ctrl-D) ends. Ctrl-C ends a turn,
not the program. A message of several lines begins and ends with three double quotes.
"""

import argparse
import getpass
import io
import os
import random
import sys
import time
from contextlib import ExitStack, suppress
from typing import Any, Dict, Iterable, List, Optional

from chatsdk import ChatSDKError, Client, Conversation, Service
from chatsdk.mongars import AuthenticationError, MonGARS
from chatsdk.testing import LocalServer

LOGIN_ATTEMPTS = 3
LONGEST_LOGIN_WAIT = 10.0  # seconds
BLOCK = '"""'  # around a message of several lines
COMMANDS = "/reset, /retry, /model NAME, /save FILE, /quit"


def add(numbers: List[float]) -> float:
    """Add numbers.

    Args:
        numbers: All numbers to add.
    """
    print(f"(tool: add {numbers}) ", end="", flush=True)
    return sum(numbers)


def start_talk(client: Client, arguments: argparse.Namespace) -> Conversation[Any]:
    """Return a new conversation with the service that the command line names."""
    settings: Dict[str, Any] = {"system": arguments.system, "tools": [add] if arguments.tool else []}
    if arguments.service == "mongars":
        return Conversation(client.mongars, **settings)
    if arguments.service == "infinity":
        return Conversation(client.infinity, **settings)
    if arguments.service == "chatserver":
        model = arguments.model or first(item.id for item in client.chatserver.list_models().data)
        return Conversation(client.chatserver, model=model, **settings)
    model = arguments.model or first(item.id for item in client.zaguan.list_models())
    return Conversation(client.zaguan, model=model, **settings)


def first(models: Iterable[str]) -> str:
    """Return the first model, or end where there is none."""
    for model in models:
        return model
    sys.exit("the service offers no models; name one with --model")


SERVICES = ("mongars", "chatserver", "infinity", "zaguan")
PREFIXES = {"infinity": "INFINITY_ASSISTANT"}  # of the environment variables, where it is not the name


def main() -> int:
    """Chat until the user has enough; return the exit status."""
    arguments = read_arguments()
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal cannot show is no reason to end
    with ExitStack() as stack:
        where: Dict[str, Any] = {arguments.service: find_service(arguments, stack)}
        client = stack.enter_context(Client(**where))
        if arguments.service == "mongars" and not log_in(client.mongars, arguments):
            return 1
        converse(start_talk(client, arguments))
    return 0


def find_service(arguments: argparse.Namespace, stack: ExitStack) -> Service:
    """Return where the service is: from the arguments, the environment, or a stand-in of our own."""
    prefix = PREFIXES.get(arguments.service, arguments.service.upper())
    if arguments.url or os.environ.get(f"{prefix}_BASE_URL"):
        return Service(arguments.url, api_key=arguments.api_key)
    print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
    server = stack.enter_context(LocalServer())
    if arguments.service == "mongars":
        print("Its user alice has the password secret-password.")
        for name in ("API_KEY", "USERNAME"):  # those of a real server are not for the stand-in
            os.environ.pop(f"MONGARS_{name}", None)
        return Service(server.url("mongars"))
    services: Dict[str, Any] = {**server.services()}
    service: Service = services[arguments.service]
    return service


def log_in(api: MonGARS, arguments: argparse.Namespace) -> bool:
    """Log in, unless there is a token already; after a wrong password wait, longer each time."""
    if api.token is not None:
        return True
    for attempt in range(1, LOGIN_ATTEMPTS + 1):
        username = arguments.username or os.environ.get("MONGARS_USERNAME") or input("username: ").strip()
        try:
            api.login(username, getpass.getpass("password: "))
            return True
        except AuthenticationError as error:
            complain(error)
        if attempt < LOGIN_ATTEMPTS:
            wait = min(arguments.login_wait * 2 ** (attempt - 1), LONGEST_LOGIN_WAIT)
            wait += random.uniform(0, wait / 4)  # keeps many terminals from coming back at the same moment
            print(f"again in {wait:.2f} s", file=sys.stderr)
            time.sleep(wait)
    return False


def converse(talk: Conversation[Any]) -> None:
    """Read messages and answer them."""
    print(f"Type a message ({BLOCK} before and after several lines), or {COMMANDS}.")
    while True:
        try:
            text = read_message()
            if text == "/quit":
                return
            answer(text, talk)
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print("\n(interrupted)")
        except ChatSDKError as error:
            print()
            complain(error)


def read_message() -> str:
    """Read a line, or the lines of a block."""
    text = input("you> ").strip()
    if not text.startswith(BLOCK):
        return text
    text = text[len(BLOCK) :]
    while not text.endswith(BLOCK):
        text += "\n" + input("...> ").rstrip()
    return text[: -len(BLOCK)].strip()


def answer(text: str, talk: Conversation[Any]) -> None:
    """Do what a command asks for, or answer a message."""
    command, _, rest = text.partition(" ")
    if command == "/reset":
        talk.reset()
        print("A new conversation.")
    elif command == "/retry":
        take_turn(talk, None)
    elif command == "/model":
        if rest.strip():
            talk.model = rest.strip()
        print(f"The model is {talk.model or 'the choice of the service'}.")
    elif command == "/save":
        save(talk, rest.strip())
    elif text.startswith("/"):
        print(f"unknown command; there are {COMMANDS}", file=sys.stderr)
    elif text:
        take_turn(talk, text)


def take_turn(talk: Conversation[Any], text: Optional[str]) -> None:
    """Show the answer as it comes; without a text, to the turn that failed or was interrupted."""
    print("bot> ", end="", flush=True)
    with talk.stream(text) as stream:
        for piece in stream:
            print(piece, end="", flush=True)
    print()


def save(talk: Conversation[Any], path: str) -> None:
    """Write the conversation to a file."""
    try:
        talk.save(os.path.expanduser(path))
    except (OSError, ValueError) as error:
        print(f"not saved: {error}", file=sys.stderr)
    else:
        print(f"{len(talk.messages)} messages saved.")


def complain(error: ChatSDKError) -> None:
    """Show an error in one line."""
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)


def read_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Chat in a terminal.")
    parser.add_argument("--service", choices=SERVICES, default="zaguan")
    parser.add_argument("--url", help="address of the service; else <PREFIX>_BASE_URL, else a stand-in")
    parser.add_argument("--api-key", help="better in the environment: other users see arguments")
    parser.add_argument("--model", help="for zaguan and chatserver; else the first that they offer")
    parser.add_argument("--system", help="how the model is to answer; not for mongars")
    parser.add_argument("--tool", action="store_true", help="let the model add numbers; for zaguan")
    parser.add_argument("--username", help="for mongars; else MONGARS_USERNAME, else it is asked for")
    parser.add_argument(
        "--login-wait", type=float, default=2.0, metavar="SECONDS", help="after the first wrong password"
    )
    arguments = parser.parse_args()
    if not arguments.login_wait >= 0:
        parser.error("--login-wait must be a number of seconds from 0")
    return arguments


def run() -> int:
    """Return the exit status of main(), whatever happens to it."""
    try:
        status = main()
        sys.stdout.flush()
        return status
    except (KeyboardInterrupt, EOFError):  # before the first turn
        print()
        return 1
    except ChatSDKError as error:
        complain(error)
        return 1
    except BrokenPipeError:  # the reader is gone; the rest must not be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    with suppress(ImportError):
        import readline  # noqa: F401  # gives input() a history and editing keys
    sys.exit(run())
