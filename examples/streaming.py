"""Streams: chunks as they come, the whole answer at the end, tool calls, leaving early.

Offline, against a stand-in that the script starts itself:

    python examples/streaming.py

Against a real Zaguan CoreX:

    ZAGUAN_BASE_URL=https://api.zaguanai.com ZAGUAN_API_KEY=... python examples/streaming.py
"""

import os
import sys

from chatsdk import ChatSDKError, Client
from chatsdk.testing import LocalServer
from chatsdk.zaguan import Zaguan

MODEL = "openai/gpt-4o-mini"

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def main() -> None:
    """Show each kind of stream once."""
    if os.environ.get("ZAGUAN_BASE_URL"):
        with Client() as client:
            show(client.zaguan)
        return
    print("No server is configured, so this runs offline against chatsdk.testing.LocalServer.")
    with LocalServer() as server, Client(zaguan=server.services()["zaguan"]) as client:
        show(client.zaguan)


def show(api: Zaguan) -> None:
    """Show each kind of stream once."""
    chunks_and_final(api)
    only_final(api)
    tool_calls(api)
    leaving_early(api)


def chunks_and_final(api: Zaguan) -> None:
    """Print the pieces as they come, then ask for the whole."""
    stream = api.chat_stream(model=MODEL, messages="Tell me a story", stream_options={"include_usage": True})
    for chunk in stream:
        print(chunk.text, end="|", flush=True)
    print()

    response = stream.final()  # all that was streamed, as chat() would have returned it
    print(f"finish_reason: {response.choices[0].finish_reason}")
    print(f"whole text: {response.text}")
    if response.usage is not None:
        print(f"tokens: {response.usage.total_tokens}")


def only_final(api: Zaguan) -> None:
    """Stream without a loop: long answers then meet no read timeout."""
    print("without a loop:", api.chat_stream(model=MODEL, messages="A long essay, please").final().text)


def tool_calls(api: Zaguan) -> None:
    """Get tool calls whole: their names and arguments arrive in fragments."""
    stream = api.chat_stream(model=MODEL, messages="How is the weather in Oslo?", tools=[WEATHER])
    message = stream.final().choices[0].message
    for call in (message and message.tool_calls) or []:
        if call.function is not None:
            print(f"tool call: {call.function.name}({call.function.arguments})")


def leaving_early(api: Zaguan) -> None:
    """Leave the loop when it is enough: that frees the connection at once."""
    with api.chat_stream(model=MODEL, messages="Count to one million") as stream:
        for number, chunk in enumerate(stream, start=1):
            if number == 3:
                print(f"left at chunk {number}: {chunk.text!r}")
                break


if __name__ == "__main__":
    try:
        main()
    except ChatSDKError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
