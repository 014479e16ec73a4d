"""Answers of a model as dataclasses.

    python examples/typed_answers.py

It runs offline: chatsdk.testing.LocalServer plays the model, with answers that are set here.
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


GOOD = """```json
{"city": "Oslo", "days": [{"day": "2025-01-02", "degrees": -3, "sky": "sun"}], "warning": null}
```"""


def ask(client: Client) -> Forecast:
    """Ask for a forecast; the schema of the dataclass goes along."""
    answer = client.zaguan.chat(
        model="openai/gpt-4o-mini", messages="The weather in Oslo?", response_format=Forecast
    )
    return answer.parse(Forecast)


def main() -> None:
    """Read a good answer, and three that are none."""
    with LocalServer() as server, Client(**server.services()) as client:
        server.respond("zaguan", GOOD)
        forecast = ask(client)
        print(forecast.city, forecast.days[0].day, forecast.days[0].degrees, forecast.days[0].sky)

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
