"""Errors: catch them by status or by service, and read their attributes.

    python examples/errors.py

It runs offline: chatsdk.testing.LocalServer answers with errors that are set here.
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
    """Cause each kind of error once."""
    with LocalServer(credits=3) as server, Client(**server.services()) as client:
        catch_by_status(client)
        catch_by_service(client, server)
        read_attributes(client, server)
        read_credits_and_bands(client)
        catch_in_a_stream(client, server)


def catch_by_status(client: Client) -> None:
    """Catch errors by status, as each status has its own class."""
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


def catch_by_service(client: Client, server: LocalServer) -> None:
    """Catch the errors of one service only."""
    server.fail("zaguan", 500)
    try:
        client.zaguan.chat(model="openai/gpt-4o", messages="Hello")
    except ChatServerError:
        print("never printed: the error is not from ChatServer")
    except ZaguanError as error:
        print(f"500  {type(error).__name__} is a ZaguanError and a ChatSDKError")


def read_attributes(client: Client, server: LocalServer) -> None:
    """Read the attributes that all status errors have."""
    server.fail("zaguan", 429, headers={"Retry-After": "3600"})  # longer than the client waits
    try:
        client.zaguan.chat(model="openai/gpt-4o", messages="Hello")
    except RateLimitError as error:
        print(f"429  {error.message}")
        print(f"     service: {error.service}, status_code: {error.status_code}, code: {error.code}")
        print(f"     retry_after: {error.retry_after} s")
        print(f"     request_id: {error.request_id}")
        print(f"     {error.method} {error.url}")


def read_credits_and_bands(client: Client) -> None:
    """Read the additional attributes of Zaguan's 402 and 403."""
    try:
        client.zaguan.chat(model="openai/gpt-4o", messages="Hello")
    except InsufficientCreditsError as error:
        print(f"402  {error.credits_required} credits required, {error.credits_remaining} remaining")
    try:
        client.zaguan.chat(model="platinum/o1-pro", messages="Hello")
    except BandAccessDeniedError as error:
        print(f"403  band {error.band} needs {error.required_tier}, this account has {error.current_tier}")


def catch_in_a_stream(client: Client, server: LocalServer) -> None:
    """Keep the text that arrived before the connection was lost."""
    server.fail("zaguan", 401)
    try:
        client.zaguan.chat_stream(model="openai/gpt-4o-mini", messages="Hello")
    except APIStatusError as error:  # raised by the call, before the first chunk
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
