"""Streaming: print chunks as they arrive, get the full response, get tool calls, and stop early.

To run it offline, against a local test server that the script starts:

    python examples/streaming.py

To run it against a real Zaguan CoreX server:

    ZAGUAN_BASE_URL=https://api.zaguanai.com ZAGUAN_API_KEY=... python examples/streaming.py
"""

import os
import sys

from chatsdk import ChatSDKError, Client
from chatsdk.testing import LocalServer
from chatsdk.zaguan import Zaguan

MODEL = "openai/gpt-4o-mini"


def main() -> None:
    """Run all examples against the configured server, or offline."""
    if os.environ.get("ZAGUAN_BASE_URL"):
        with Client() as client:
            show(client.zaguan)
    else:
        print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
        with LocalServer() as server, Client(zaguan=server.services()["zaguan"]) as client:
            show(client.zaguan)


def show(api: Zaguan) -> None:
    """Run all examples."""
    print_chunks(api)
    get_full_response(api)
    get_tool_calls(api)
    stop_early(api)


def print_chunks(api: Zaguan) -> None:
    """Print each chunk as it arrives, then get the full response."""
    stream = api.chat_stream(model=MODEL, messages="Tell me a story", stream_options={"include_usage": True})
    for chunk in stream:
        print(chunk.text, end="|", flush=True)
    print()

    response = stream.final()  # the same type that chat() returns
    print(f"finish_reason: {response.choices[0].finish_reason}")
    print(f"full text: {response.text}")
    if response.usage is not None:
        print(f"tokens: {response.usage.total_tokens}")


def get_full_response(api: Zaguan) -> None:
    """Stream without a loop, so that a long answer does not run into the read timeout."""
    response = api.chat_stream(model=MODEL, messages="A long essay, please").final()
    print("without a loop:", response.text)


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"12 degrees in {city}"


def get_tool_calls(api: Zaguan) -> None:
    """Get complete tool calls: a stream sends their arguments in fragments."""
    stream = api.chat_stream(model=MODEL, messages="How is the weather in Oslo?", tools=[get_weather])
    for call in stream.final().message.tool_calls or []:
        if call.function is not None:
            print(f"tool call: {call.function.name} {call.parse()}")


def stop_early(api: Zaguan) -> None:
    """Leave the loop before the end; the ``with`` block closes the connection."""
    with api.chat_stream(model=MODEL, messages="Count to one million") as stream:
        for number, chunk in enumerate(stream, start=1):
            if number == 3:
                print(f"stopped at chunk {number}: {chunk.text!r}")
                break


if __name__ == "__main__":
    try:
        main()
    except ChatSDKError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
