"""Use each service once: chat, streaming, history, memory, suggestions and a small benchmark.

To run it offline, against a local test server that the script starts:

    python examples/quickstart.py

To run it against one or more real servers, give their URLs. API keys are read from ZAGUAN_API_KEY,
CHATSERVER_API_KEY and so on; for monGARS, set MONGARS_USERNAME and MONGARS_PASSWORD, or MONGARS_API_KEY:

    ZAGUAN_BASE_URL=https://api.zaguanai.com ZAGUAN_API_KEY=... python examples/quickstart.py
    python examples/quickstart.py --chatserver http://localhost:3284 --arguslm http://localhost:8000
"""

import argparse
import os
import sys
import tempfile
import uuid
from typing import List, Sequence

from chatsdk import ChatSDKError, Client
from chatsdk.arguslm import ArgusLM
from chatsdk.chatserver import ChatServer, Message
from chatsdk.infinity import Infinity
from chatsdk.mongars import MonGARS
from chatsdk.testing import LocalServer
from chatsdk.zaguan import Zaguan

SERVICES = ("zaguan", "chatserver", "mongars", "infinity", "arguslm")


def main() -> None:
    """Run the examples of the configured services, or of all services offline."""
    arguments = read_arguments()
    urls = {name: getattr(arguments, name) for name in SERVICES}
    configured = [name for name in SERVICES if urls[name]]
    if configured:
        username, password = os.environ.get("MONGARS_USERNAME", ""), os.environ.get("MONGARS_PASSWORD", "")
        with Client(**urls) as client:
            show(client, configured, arguments.user, username, password)
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(**server.services()) as client:
            show(client, SERVICES, arguments.user, "alice", "secret-password")


def show(client: Client, services: Sequence[str], user: str, username: str, password: str) -> None:
    """Run the examples of the given services."""
    if "zaguan" in services:
        show_zaguan(client.zaguan)
    if "chatserver" in services:
        show_chatserver(client.chatserver, user)
    if "mongars" in services:
        show_mongars(client.mongars, username, password)
    if "infinity" in services:
        show_infinity(client.infinity)
    if "arguslm" in services:
        show_arguslm(client.arguslm)


def show_zaguan(api: Zaguan) -> None:
    """List the models, send a chat and stream one."""
    print("\nZaguan CoreX")
    models = api.list_models()
    model = choose_model([item.id for item in models], "openai/gpt-4o-mini")
    print(f"  {len(models)} models, using {model}")

    response = api.chat(model=model, messages="Say hello in one sentence.")
    print(f"  chat: {response.text}")
    if response.usage is not None:
        print(f"  tokens: {response.usage.total_tokens}")

    print("  stream: ", end="")
    for chunk in api.chat_stream(model=model, messages="Count to five."):
        print(chunk.text, end="", flush=True)
    print()


def show_chatserver(api: ChatServer, user: str) -> None:
    """Chat and stream in one session, and read the stored session back."""
    print("\nChatServer")
    models = api.list_models()
    model = choose_model([item.id for item in models.data], "claude-haiku-4-5@20251001")
    print(f"  {len(models.data)} models, using {model}")

    # With user= the server stores the conversation. The first call of a session must not be a stream.
    messages = [Message("user", "What is recursion?")]
    response = api.create_completion(model, messages, user=user)
    print(f"  chat: {response.text}")

    # Each call sends the whole conversation and the id of its session.
    messages += [response.message, Message("user", "Give me an example.")]
    session_id = response.system_fingerprint or ""
    print("  stream: ", end="")
    for text in api.create_completion(model, messages, stream=True, user=user, session_id=session_id):
        print(text, end="", flush=True)
    print()

    stored = api.get_session(session_id, user_id=user)
    print(f"  stored session {stored.session.title!r}:")
    for message in stored.messages:
        print(f"    {message.message_index} {message.role}: {message.content}")


def show_mongars(api: MonGARS, username: str, password: str) -> None:
    """Log in, chat, read the history and get suggestions."""
    print("\nmonGARS")
    if username:
        api.login(username, password)  # later calls send the token
        print(f"  logged in: {username}")

    answer = api.chat(message="Say hello in one sentence.")
    print(f"  chat: {answer.response}")
    for item in api.history(limit=3):
        print(f"  history: {item.query} -> {item.response}")
    print(f"  suggestions: {', '.join(api.suggest_actions(prompt='My loop never ends').actions)}")


def show_infinity(api: Infinity) -> None:
    """Chat and stream in one conversation, search the knowledge base and use the memory."""
    print("\nInfinity Assistant")
    answer = api.chat(message="Say hello in one sentence.")
    print(f"  chat: {answer.response}")

    print("  stream: ", end="")
    for chunk in api.chat_stream(message="Count to five.", conversation_id=answer.conversation_id):
        print(chunk.text, end="", flush=True)
    print()

    for item in api.search_knowledge(query="testing", limit=1):
        print(f"  knowledge: {item.type} {item.title!r}")
    key = f"quickstart-{uuid.uuid4()}"  # anyone who knows the key can read the value
    api.store_memory(key, {"theme": "dark"})
    print(f"  memory: {api.retrieve_memory(key).value}")


def show_arguslm(api: ArgusLM) -> None:
    """Read the uptime history, run a small benchmark and export its results."""
    print("\nArgusLM")
    for check in api.get_uptime_history(limit=3).items:
        print(f"  uptime: {check.model_name} was {check.status}")
    models = [model.id for model in api.list_models(enabled_for_benchmark=True, limit=2)]
    if not models:
        print("  no model is enabled for benchmarks")
        return

    run = api.start_benchmark(model_ids=models, prompt_pack="health_check", num_runs=1)
    for event in api.stream_benchmark(run.id, timeout=300):
        if event.type == "result" and event.data is not None:
            outcome = event.data.error or f"{event.data.ttft_ms:.0f} ms to the first token"
            print(f"  {event.completed}/{event.total} {event.data.model_name}: {outcome}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "benchmark.csv")
        api.export_benchmark(run.id, format="csv").save(path)
        print(f"  exported: {os.path.getsize(path)} bytes of CSV")


def choose_model(models: List[str], preferred: str) -> str:
    """Return the preferred model if the server has it, otherwise the first one it lists."""
    return preferred if preferred in models or not models else models[0]


def read_arguments() -> argparse.Namespace:
    """Parse the command line; URLs default to the environment variables."""
    parser = argparse.ArgumentParser(description="Use each service once.")
    for name in SERVICES:
        prefix = "INFINITY_ASSISTANT" if name == "infinity" else name.upper()
        variable = f"{prefix}_BASE_URL"
        parser.add_argument(
            f"--{name}", metavar="URL", default=os.environ.get(variable), help=f"default: ${variable}"
        )
    parser.add_argument(
        "--user", metavar="UUID", default=str(uuid.uuid4()), help="user id on ChatServer (default: a new one)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except ChatSDKError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
