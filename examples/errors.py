"""Errors: catch them by kind or by service, and read what they know.

Runs offline only, against a stand-in that injects the failures:

    python examples/errors.py
"""

from chatsdk import (
    APIStatusError,
    ChatSDKError,
    Client,
    NotFoundError,
    RateLimitError,
    StreamInterruptedError,
    UnprocessableEntityError,
)
from chatsdk.chatserver import BadRequestError, ChatServerError
from chatsdk.testing import LocalServer
from chatsdk.zaguan import BandAccessDeniedError, InsufficientCreditsError, ZaguanError

USER = "00000000-0000-0000-0000-000000000001"


def main() -> None:
    """Provoke each kind of error once."""
    with LocalServer(credits=3) as server, Client(**server.services()) as client:
        by_kind(client)
        by_service(client, server)
        what_an_error_knows(client, server)
        what_a_plan_does_not_cover(client)
        inside_a_stream(client, server)


def by_kind(client: Client) -> None:
    """Catch what went wrong, wherever it did."""
    try:
        client.chatserver.create_completion(model="", messages="Hello")
    except BadRequestError as error:
        print(f"400  {error.message}")
    try:
        client.chatserver.create_completion(model="any", messages="Hello", temperature=9)
    except UnprocessableEntityError as error:
        print(f"422  {error.message}")
    try:
        client.chatserver.get_session("00000000-0000-0000-0000-000000000002", user_id=USER)
    except NotFoundError as error:
        print(f"404  {error.message}")


def by_service(client: Client, server: LocalServer) -> None:
    """Catch what one service raises, and nothing of the others."""
    server.fail("zaguan", 500)
    try:
        client.zaguan.chat(model="openai/gpt-4o", messages="Hello")
    except ChatServerError:
        print("never printed: this is no error of ChatServer")
    except ZaguanError as error:
        print(f"500  {type(error).__name__} is a ZaguanError and a ChatSDKError")


def what_an_error_knows(client: Client, server: LocalServer) -> None:
    """Read the details of an answer that is no success."""
    server.fail("zaguan", 429, headers={"Retry-After": "3600"})  # too long to wait for it silently
    try:
        client.zaguan.chat(model="openai/gpt-4o", messages="Hello")
    except RateLimitError as error:
        print(f"429  {error.message}")
        print(f"     service: {error.service}, status_code: {error.status_code}, code: {error.code}")
        print(f"     retry_after: {error.retry_after} s")
        print(f"     request_id: {error.request_id}")
        print(f"     {error.method} {error.url}")


def what_a_plan_does_not_cover(client: Client) -> None:
    """Read what Zaguan says about credits and bands."""
    try:
        client.zaguan.chat(model="openai/gpt-4o", messages="Hello")
    except InsufficientCreditsError as error:
        print(f"402  {error.credits_required} credits required, {error.credits_remaining} remaining")
    try:
        client.zaguan.chat(model="platinum/o1-pro", messages="Hello")
    except BandAccessDeniedError as error:
        print(f"403  band {error.band} needs {error.required_tier}, this account has {error.current_tier}")


def inside_a_stream(client: Client, server: LocalServer) -> None:
    """Keep what had arrived before a stream broke."""
    server.fail("zaguan", 401)
    try:
        client.zaguan.chat_stream(model="openai/gpt-4o-mini", messages="Hello")
    except APIStatusError as error:  # refused before the first byte: raised by the call itself
        print(f"{error.status_code}  {error.message}")

    server.cut("zaguan", after=4)
    try:
        for _ in client.zaguan.chat_stream(model="openai/gpt-4o-mini", messages="Tell me a long story"):
            pass
    except StreamInterruptedError as error:
        print(f"cut  {error.message}")
        print(f"     so far: {error.partial.text!r}")


if __name__ == "__main__":
    try:
        main()
    except ChatSDKError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
