"""The main job: list the models, chat, stream, and read a stored session back.

Offline, against a stand-in of the services that the script starts itself:

    python examples/quickstart.py

Against real servers (one of them is enough; keys come from ZAGUAN_API_KEY and CHATSERVER_API_KEY):

    ZAGUAN_BASE_URL=https://api.zaguanai.com ZAGUAN_API_KEY=... python examples/quickstart.py
    python examples/quickstart.py --chatserver http://localhost:3284
"""

import argparse
import os
import sys
import uuid
from typing import List

from chatsdk import ChatSDKError, Client
from chatsdk.chatserver import ChatServer, Message, MessageRole
from chatsdk.testing import LocalServer
from chatsdk.zaguan import Zaguan


def main() -> None:
    """Show the services that are configured, or else the stand-in."""
    arguments = read_arguments()
    if not (arguments.zaguan or arguments.chatserver):
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(**server.services()) as client:
            show_zaguan(client.zaguan)
            show_chatserver(client.chatserver, arguments.user)
        return
    with Client(zaguan=arguments.zaguan, chatserver=arguments.chatserver) as client:
        if arguments.zaguan:
            show_zaguan(client.zaguan)
        if arguments.chatserver:
            show_chatserver(client.chatserver, arguments.user)


def show_zaguan(api: Zaguan) -> None:
    """List the models, chat and stream."""
    print("\nZaguan CoreX")
    models = api.list_models()
    model = choose([item.id for item in models], "openai/gpt-4o-mini")
    print(f"  {len(models)} models, this one answers: {model}")

    response = api.chat(model=model, messages="Say hello in one sentence.")
    print(f"  chat: {response.text}")
    if response.usage is not None:
        print(f"  tokens: {response.usage.total_tokens}")

    print("  stream: ", end="")
    for chunk in api.chat_stream(model=model, messages="Count to five."):
        print(chunk.text, end="", flush=True)
    print()


def show_chatserver(api: ChatServer, user: str) -> None:
    """List the models, chat and stream in one session, and read that session back."""
    print("\nChatServer")
    models = api.list_models()
    model = choose([item.id for item in models.data], "claude-haiku-4-5@20251001")
    print(f"  {len(models.data)} models, this one answers: {model}")

    # With a user the server keeps the conversation. The first call of a session is a plain one.
    transcript = [Message(role=MessageRole.USER, content="What is recursion?")]
    response = api.create_completion(model, transcript, user=user)
    print(f"  chat: {response.text}")

    # Each call sends the whole transcript, with the session of the first answer.
    transcript.append(Message(role=MessageRole.ASSISTANT, content=response.text))
    transcript.append(Message(role=MessageRole.USER, content="Give me an example."))
    session = response.system_fingerprint or ""
    print("  stream: ", end="")
    for text in api.create_completion(model, transcript, stream=True, user=user, session_id=session):
        print(text, end="", flush=True)
    print()

    stored = api.get_session(session, user_id=user)
    print(f"  stored session {stored.session.title!r}:")
    for message in stored.messages:
        print(f"    {message.message_index} {message.role}: {message.content}")


def choose(offered: List[str], favourite: str) -> str:
    """Return the favourite where it is offered, or else the first model that is."""
    return offered[0] if offered and favourite not in offered else favourite


def read_arguments() -> argparse.Namespace:
    """Return where the services are: from the command line, or else from the environment."""
    parser = argparse.ArgumentParser(description="List models, chat, stream, read a session back.")
    parser.add_argument("--zaguan", metavar="URL", default=os.environ.get("ZAGUAN_BASE_URL"))
    parser.add_argument("--chatserver", metavar="URL", default=os.environ.get("CHATSERVER_BASE_URL"))
    parser.add_argument(
        "--user", metavar="UUID", default=str(uuid.uuid4()), help="whose history it becomes on ChatServer"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except ChatSDKError as error:
        sys.exit(f"{type(error).__name__}: {error}")
