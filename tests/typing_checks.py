"""What type checkers infer; `mypy --strict` reads this file, and nothing runs it.

Strict mode refuses to return Any from these functions, and an unused "type: ignore".
"""

from dataclasses import dataclass

from chatsdk import Client, Conversation, chatserver, infinity, mongars, zaguan


@dataclass
class Weather:
    city: str


client = Client()


def parse_answer(answer: zaguan.ChatResponse) -> Weather:
    return answer.parse(Weather)


def parse_call(call: zaguan.ToolCall) -> Weather:
    return call.parse(Weather)


def ask_zaguan() -> zaguan.ChatResponse:
    return Conversation(client.zaguan, model="m").say("Hi")


def ask_chatserver() -> chatserver.ChatCompletionResponse:
    return Conversation(client.chatserver, model="m").stream("Hi").final()


def ask_infinity() -> infinity.ChatResponse:
    return Conversation(client.infinity).fork().say("Hi")


def ask_mongars() -> mongars.ChatResponse:
    return Conversation.load("talk.json", client.mongars).say("Hi")


print(Conversation(client.zaguan, model="m").say("Hi").parse(Weather).degrees)  # type: ignore[attr-defined]
Conversation(client.arguslm)  # type: ignore[arg-type]
