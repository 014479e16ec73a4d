"""Chat in a terminal with any of the four chat services.

Offline, against a stand-in that the script starts itself:

    python examples/chat_cli.py --service mongars

Against a real server; its key comes from the environment (ZAGUAN_API_KEY, ...) or from --api-key:

    python examples/chat_cli.py --service mongars --url http://localhost:8000 --username alice
    ZAGUAN_BASE_URL=https://api.zaguanai.com python examples/chat_cli.py --model openai/gpt-4o

While it runs: /reset begins a new conversation, /save FILE writes it as JSON, /quit (or Ctrl-D) ends.
Ctrl-C ends a turn, not the program.
"""

import argparse
import getpass
import io
import json
import os
import random
import sys
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

from chatsdk import ChatSDKError, Client, Service
from chatsdk.mongars import AuthenticationError, MonGARS
from chatsdk.testing import LocalServer

Transcript = List[Dict[str, str]]

LOGIN_ATTEMPTS = 3
LONGEST_LOGIN_WAIT = 10.0  # seconds


class Chat(ABC):
    """Conversations with one service. How it keeps what was said is the service's own affair."""

    @abstractmethod
    def say(self, text: str, transcript: Transcript) -> Iterator[str]:
        """Yield the pieces of the answer to *text*; the transcript is what was said before."""

    def reset(self) -> None:  # noqa: B027  # nothing to do where the transcript is all there is
        """Begin a new conversation, where the service knows the old one by an id."""


class ZaguanChat(Chat):
    """Zaguan CoreX remembers nothing: it is sent the whole transcript."""

    def __init__(self, client: Client, model: Optional[str]) -> None:
        self._api = client.zaguan
        self._model = model or first(item.id for item in self._api.list_models())

    def say(self, text: str, transcript: Transcript) -> Iterator[str]:
        """Yield the pieces of the answer to *text*."""
        with self._api.chat_stream(model=self._model, messages=[*transcript, text]) as stream:
            for chunk in stream:
                yield chunk.text


class ChatServerChat(Chat):
    """ChatServer is sent the whole transcript too; without a user it stores nothing."""

    def __init__(self, client: Client, model: Optional[str]) -> None:
        self._api = client.chatserver
        self._model = model or first(item.id for item in self._api.list_models().data)

    def say(self, text: str, transcript: Transcript) -> Iterator[str]:
        """Yield the pieces of the answer to *text*."""
        with self._api.create_completion(self._model, [*transcript, text], stream=True) as stream:
            yield from stream


class InfinityChat(Chat):
    """Infinity Assistant remembers a conversation by its id, which the first answer brings."""

    def __init__(self, client: Client, model: Optional[str]) -> None:
        self._api = client.infinity
        self._conversation: Optional[str] = None

    def say(self, text: str, transcript: Transcript) -> Iterator[str]:
        """Yield the pieces of the answer to *text*."""
        with self._api.chat_stream(message=text, conversation_id=self._conversation) as stream:
            for chunk in stream:
                yield chunk.text
            self._conversation = stream.metadata.get("conversationId", self._conversation)

    def reset(self) -> None:
        """Forget the id."""
        self._conversation = None


class MonGARSChat(Chat):
    """monGARS remembers a session by an id of our choice; its answers come whole."""

    def __init__(self, client: Client, model: Optional[str]) -> None:
        self._api = client.mongars
        self.reset()

    def say(self, text: str, transcript: Transcript) -> Iterator[str]:
        """Yield the answer to *text*."""
        yield self._api.chat(message=text, session_id=self._session).response

    def reset(self) -> None:
        """Choose another id."""
        self._session = str(uuid.uuid4())


def first(models: Iterable[str]) -> str:
    """Return the first model, or end where there is none."""
    for model in models:
        return model
    sys.exit("the service offers no models; name one with --model")


CHATS: Dict[str, Callable[[Client, Optional[str]], Chat]] = {
    "mongars": MonGARSChat,
    "chatserver": ChatServerChat,
    "infinity": InfinityChat,
    "zaguan": ZaguanChat,
}
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
        converse(CHATS[arguments.service](client, arguments.model))
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


def converse(chat: Chat) -> None:
    """Read lines and answer them."""
    transcript: Transcript = []
    print("Type a message, or /reset, /save FILE, /quit.")
    while True:
        try:
            line = input("you> ").strip()
            if line == "/quit":
                return
            answer(line, chat, transcript)
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print("\n(interrupted)")
        except ChatSDKError as error:
            print()
            complain(error)


def answer(line: str, chat: Chat, transcript: Transcript) -> None:
    """Do what a line asks for."""
    command, _, rest = line.partition(" ")
    if command == "/reset":
        chat.reset()
        transcript.clear()
        print("A new conversation.")
    elif command == "/save":
        save(transcript, rest.strip())
    elif line.startswith("/"):
        print("unknown command; there are /reset, /save FILE and /quit", file=sys.stderr)
    elif line:
        take_turn(chat, line, transcript)


def take_turn(chat: Chat, text: str, transcript: Transcript) -> None:
    """Show the answer as it comes; only a whole turn becomes part of the transcript."""
    pieces = []
    print("bot> ", end="", flush=True)
    for piece in chat.say(text, transcript):
        pieces.append(piece)
        print(piece, end="", flush=True)
    print()
    transcript.append({"role": "user", "content": text})
    transcript.append({"role": "assistant", "content": "".join(pieces)})


def save(transcript: Transcript, path: str) -> None:
    """Write the conversation to a file."""
    data = json.dumps(transcript, ensure_ascii=False, indent=2).encode("utf-8", "replace")
    try:
        with open(os.path.expanduser(path), "wb") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        print(f"not saved: {error}", file=sys.stderr)
    else:
        print(f"{len(transcript)} messages saved.")


def complain(error: ChatSDKError) -> None:
    """Show an error in one line."""
    print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)


def read_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description="Chat in a terminal.")
    parser.add_argument("--service", choices=list(CHATS), default="zaguan")
    parser.add_argument("--url", help="address of the service; else <PREFIX>_BASE_URL, else a stand-in")
    parser.add_argument("--api-key", help="better in the environment: other users see arguments")
    parser.add_argument("--model", help="for zaguan and chatserver; else the first that they offer")
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
    except BrokenPipeError:  # nobody reads on; what is left must not be written at the exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    with suppress(ImportError):
        import readline  # noqa: F401  # gives input() a history and editing keys
    sys.exit(run())
