"""Run a batch of chats, then run it again: only the failed ones are sent again.

    python examples/batch.py

It runs offline: chatsdk.testing.LocalServer answers, and two of its answers are errors.
"""

import tempfile
from functools import partial
from pathlib import Path

from chatsdk import Batch, Client
from chatsdk.testing import LocalServer

CITIES = ["Oslo", "Rome", "Paris", "Lima", "Cairo", "Quito"]


def main() -> None:
    """Run the same batch twice."""
    requests = [(city, f"What is the capital of the country of {city}?") for city in CITIES]
    with tempfile.TemporaryDirectory() as folder, LocalServer() as server:
        results = Path(folder, "answers.jsonl")
        with Client(**server.services()) as client:
            batch = Batch(partial(client.zaguan.chat, model="openai/gpt-4o-mini"), results, max_workers=2)

            server.fail("zaguan", 400, {"error": {"message": "the model is not available"}})
            server.fail("zaguan", 429, headers={"Retry-After": "0.1"})  # the batch waits and retries
            for item in batch.run(requests):
                if not item.ok:
                    print(f"failed: {item.error}")
            print("first run:", batch.summary())

            for item in batch.run(requests):
                print(item.result.text)
            print("second run:", batch.summary())

        rows = batch.to_rows()  # for pandas.DataFrame(rows)
        print(f"{len(rows)} answers, {sum(row['total_tokens'] for row in rows)} tokens")


if __name__ == "__main__":
    main()
