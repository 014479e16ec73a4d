"""Many questions, answered once each: a batch that can be stopped and started again.

    python examples/batch.py

It runs offline: chatsdk.testing.LocalServer plays the service, with failures that are set here.
"""

import tempfile
from functools import partial
from pathlib import Path

from chatsdk import Batch, Client
from chatsdk.testing import LocalServer

CITIES = ["Oslo", "Rome", "Paris", "Lima", "Cairo", "Quito"]


def main() -> None:
    """Ask about each city, then again: only what failed is sent."""
    requests = [(city, f"What is the capital of the country of {city}?") for city in CITIES]
    with tempfile.TemporaryDirectory() as folder, LocalServer() as server:
        results = Path(folder, "answers.jsonl")
        with Client(**server.services()) as client:
            batch = Batch(partial(client.zaguan.chat, model="openai/gpt-4o-mini"), results, max_workers=2)

            server.fail("zaguan", 400, {"error": {"message": "the model is out of order"}})
            server.fail("zaguan", 429, headers={"Retry-After": "0.1"})  # waited for, then sent again
            for item in batch.run(requests):
                if not item.ok:
                    print(f"failed: {item.error}")
            print("first run:", batch.summary())

            for item in batch.run(requests):
                print(item.result.text)
            print("second run:", batch.summary())

        rows = batch.to_rows()  # pandas.DataFrame(rows) makes a table of them
        print(f"{len(rows)} answers, {sum(row['total_tokens'] for row in rows)} tokens")


if __name__ == "__main__":
    main()
