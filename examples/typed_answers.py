"""Get answers as dataclass instances.

    python examples/typed_answers.py

It runs offline: chatsdk.testing.LocalServer returns answers that are set here.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import List, Literal, Optional

from chatsdk import APIResponseError, Client
from chatsdk.testing import LocalServer


@dataclass
class Day:
    """The weather of one day."""

    day: date
    degrees: float
    sky: Literal["sun", "clouds", "rain"]


@dataclass
class Forecast:
    """The weather of a city."""

    city: str
    days: List[Day] = field(default_factory=list)
    warning: Optional[str] = None


VALID = """```json
{"city": "Oslo", "days": [{"day": "2025-01-02", "degrees": -3, "sky": "sun"}], "warning": null}
```"""


def ask(client: Client) -> Forecast:
    """Ask for a forecast; the request contains the JSON schema of the dataclass."""
    answer = client.zaguan.chat(
        model="openai/gpt-4o-mini", messages="The weather in Oslo?", response_format=Forecast
    )
    return answer.parse(Forecast)


def main() -> None:
    """Read a valid answer and three invalid ones."""
    with LocalServer() as server, Client(**server.services()) as client:
        server.respond("zaguan", VALID)
        forecast = ask(client)
        print(forecast.city, forecast.days[0].day, forecast.days[0].degrees, forecast.days[0].sky)

        # A value of the wrong type, an answer that was cut off, and a refusal.
        server.respond(
            "zaguan", '{"city": "Oslo", "days": [{"day": "tomorrow", "degrees": 1, "sky": "sun"}]}'
        )
        server.respond("zaguan", '{"city": "Os', finish_reason="length")
        server.respond("zaguan", "", finish_reason="content_filter")
        for _ in range(3):
            try:
                ask(client)
            except APIResponseError as error:
                print(f"{error.code}: {error}; the text was {error.body!r}")


if __name__ == "__main__":
    main()
