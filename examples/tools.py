"""A conversation in which the model calls a Python function.

    python examples/tools.py

It runs offline: chatsdk.testing.LocalServer returns answers that are set here.
"""

from typing import Literal

from chatsdk import Client, Conversation, Tool
from chatsdk.testing import LocalServer

DEGREES = {"Oslo": -3.0, "Rome": 14.0}


def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> float:
    """Return the temperature in a city.

    Args:
        city: The name of the city, in English.
        unit: The unit of the result.
    """
    celsius = DEGREES[city]
    return celsius if unit == "celsius" else celsius * 9 / 5 + 32


def main() -> None:
    """Ask two questions; the second answer is streamed, and one of its tool calls fails."""
    print("the model sees:", Tool(get_weather).schema["function"]["parameters"]["properties"])
    with LocalServer() as server, Client(**server.services()) as client:
        conversation = Conversation(
            client.zaguan, model="openai/gpt-4o-mini", system="Be brief.", tools=[get_weather]
        )

        server.respond("zaguan", tool_calls=[("get_weather", {"city": "Oslo"})])
        server.respond("zaguan", "It is cold in Oslo.")
        print("plain:", conversation.say("What is the weather in Oslo?").text)

        calls = [("get_weather", {"city": city, "unit": "fahrenheit"}) for city in ("Rome", "Atlantis")]
        server.respond("zaguan", tool_calls=calls)
        server.respond("zaguan", "It is mild in Rome; I do not know Atlantis.")
        print("stream: ", end="")
        for text in conversation.stream("And in Rome and Atlantis?"):
            print(text, end="", flush=True)
        print()

        for message in conversation.messages:
            called = [call["function"]["name"] for call in message.get("tool_calls", ())]
            print(f"  {message['role']}: {message['content'] or called}")
        print("tokens:", conversation.usage.total_tokens)


if __name__ == "__main__":
    main()
