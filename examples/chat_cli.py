"""Chat with any of the four chat services in a terminal.

To run it offline, against a local test server that the script starts:

    python examples/chat_cli.py --service mongars

To run it against a real server (the API key is read from ZAGUAN_API_KEY and so on, or from --api-key):

    python examples/chat_cli.py --service mongars --url http://localhost:8000 --username alice
    ZAGUAN_BASE_URL=https://api.zaguanai.com python examples/chat_cli.py --model openai/gpt-4o

Commands: /reset starts a new conversation, /retry repeats a failed turn, /model NAME changes the model,
/save FILE writes the conversation to a JSON file, /quit or Ctrl-D ends the program. Ctrl-C interrupts a turn.
Start and end a message of several lines with three double quotes.
"""

import argparse
import getpass
import io
import os
import random
import sys
import time
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional

from chatsdk import ChatSDKError, Client, Conversation, Service
from chatsdk.mongars import AuthenticationError, MonGARS
from chatsdk.testing import LocalServer

SERVICES = ("mongars", "chatserver", "infinity", "zaguan")
LOGIN_ATTEMPTS = 3
QUOTES = '"""'  # around a message of several lines
COMMANDS = "/reset, /retry, /model NAME, /save FILE, /quit"


def main() -> None:
    """Connect to the service and chat until the user quits."""
    arguments = parse_arguments()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal can show every character
    with connect(arguments) as client:
        if arguments.service == "mongars" and client.mongars.token is None:
            log_in(client.mongars, arguments)
        chat(start_conversation(client, arguments))


@contextmanager
def connect(arguments: argparse.Namespace) -> Iterator[Client]:
    """Return a client for the configured server, or for a local test server."""
    prefix = "INFINITY_ASSISTANT" if arguments.service == "infinity" else arguments.service.upper()
    if arguments.url or os.environ.get(f"{prefix}_BASE_URL"):
        settings: Dict[str, Any] = {arguments.service: Service(arguments.url, api_key=arguments.api_key)}
        with Client(**settings) as client:
            yield client
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(**server.services()) as client:
            yield client


def log_in(api: MonGARS, arguments: argparse.Namespace) -> None:
    """Ask for the password, again if it is wrong; the wait between two attempts doubles."""
    for attempt in range(LOGIN_ATTEMPTS):
        if attempt > 0:
            wait = arguments.login_wait * 2 ** (attempt - 1) * random.uniform(1, 1.25)
            print(f"next attempt in {wait:.2f} s", file=sys.stderr)
            time.sleep(wait)
        username = arguments.username or os.environ.get("MONGARS_USERNAME") or input("username: ").strip()
        try:
            api.login(username, getpass.getpass("password: "))
            return
        except AuthenticationError as error:
            print_error(error)
    sys.exit("login failed")


def start_conversation(client: Client, arguments: argparse.Namespace) -> Conversation[Any]:
    """Return a conversation with the selected service, by default with its first model."""
    service = getattr(client, arguments.service)
    model = arguments.model
    if model is None and arguments.service in ("chatserver", "zaguan"):
        models = [info.id for info in service.list_models()]
        if not models:
            sys.exit("the server lists no models; choose one with --model")
        model = models[0]
    tools = [add] if arguments.tool else []
    return Conversation(service, model=model, system=arguments.system, tools=tools)


def add(numbers: List[float]) -> float:
    """Add numbers.

    Args:
        numbers: The numbers to add.
    """
    print(f"(tool: add {numbers}) ", end="", flush=True)
    return sum(numbers)


def chat(conversation: Conversation[Any]) -> None:
    """Read and answer messages until the user quits."""
    print(f"Type a message (with {QUOTES} before and after several lines), or {COMMANDS}.")
    while True:
        try:
            text = read_message()
            if text == "/quit":
                return
            handle(text, conversation)
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print("\n(interrupted)")
        except ChatSDKError as error:
            print()
            print_error(error)


def read_message() -> str:
    """Read one line, or several lines between quotes."""
    text = input("you> ").strip()
    if not text.startswith(QUOTES):
        return text
    text = text[len(QUOTES) :]
    while not text.endswith(QUOTES):
        text += "\n" + input("...> ").rstrip()
    return text[: -len(QUOTES)].strip()


def handle(text: str, conversation: Conversation[Any]) -> None:
    """Run a command, or answer a message."""
    command, _, argument = text.partition(" ")
    argument = argument.strip()
    if command == "/reset":
        conversation.reset()
        print("Started a new conversation.")
    elif command == "/retry":
        print_answer(conversation, None)
    elif command == "/model":
        if argument:
            conversation.model = argument
        print(f"The model is {conversation.model or 'chosen by the service'}.")
    elif command == "/save":
        save(conversation, argument)
    elif text.startswith("/"):
        print(f"unknown command; use {COMMANDS}", file=sys.stderr)
    elif text:
        print_answer(conversation, text)


def print_answer(conversation: Conversation[Any], text: Optional[str]) -> None:
    """Stream the answer to a message; without a message, repeat the failed turn."""
    print("bot> ", end="", flush=True)
    with conversation.stream(text) as stream:
        for piece in stream:
            print(piece, end="", flush=True)
    print()


def save(conversation: Conversation[Any], path: str) -> None:
    """Write the conversation to a JSON file."""
    try:
        conversation.save(os.path.expanduser(path))
    except (OSError, ValueError) as error:
        print(f"not saved: {error}", file=sys.stderr)
    else:
        print(f"{len(conversation.messages)} messages saved.")


def print_error(error: ChatSDKError) -> None:
    """Print an error on one line."""
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Chat in a terminal.")
    parser.add_argument("--service", choices=SERVICES, default="zaguan")
    parser.add_argument(
        "--url", help="URL of the service (default: $<SERVICE>_BASE_URL, or a local test server)"
    )
    parser.add_argument("--api-key", help="prefer the environment: other users can see command lines")
    parser.add_argument("--model", help="zaguan and chatserver only (default: the first model listed)")
    parser.add_argument("--system", help="the system message; not for mongars")
    parser.add_argument("--tool", action="store_true", help="let the model call a function; zaguan only")
    parser.add_argument("--username", help="mongars only (default: $MONGARS_USERNAME, or ask)")
    parser.add_argument(
        "--login-wait", type=float, default=2.0, metavar="SECONDS", help="wait after the first failed login"
    )
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(ImportError):
        import readline  # noqa: F401  # adds line editing and history to input()
    try:
        main()
        sys.stdout.flush()
    except ChatSDKError as error:
        print_error(error)
        sys.exit(1)
    except (KeyboardInterrupt, EOFError):  # at the login
        print()
        sys.exit(1)
    except BrokenPipeError:  # nobody reads stdout; keep Python from flushing it again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
