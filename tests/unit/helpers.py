"""What several of these tests need."""

import dataclasses
import json
import random
from importlib import import_module
from inspect import ismodule
from pathlib import Path

import chatsdk
from chatsdk import Client, Service
from chatsdk._core.model import Model

ZAGUAN = "https://zaguan.example"
CHATSERVER = "https://chat.example"
COMPLETION = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}}]}

PACKAGE = Path(chatsdk.__file__).parent
SERVICES = sorted(
    folder.name
    for folder in PACKAGE.iterdir()
    if (folder / "service.py").exists() and folder.name not in ("_core", "testing")
)


def exports(package):
    """What a package offers, by name; its modules aside."""
    return {
        name: item for name, item in vars(package).items() if not (name.startswith("_") or ismodule(item))
    }


PACKAGES = {service: import_module(f"chatsdk.{service}") for service in SERVICES}
MODELS = [
    item
    for package in PACKAGES.values()
    for item in exports(package).values()
    if isinstance(item, type) and issubclass(item, Model)
]


def make_client(**changes):
    """A Client of two services that sends nothing twice."""
    settings = {"max_retries": 0, **changes}
    return Client(
        zaguan=Service(ZAGUAN, api_key="sk-zaguan-1", **settings),
        chatserver=Service(CHATSERVER, api_key="sk-chat-1", **settings),
    )


def sent_json(http, number=-1):
    return json.loads(http.calls[number].request.body.decode("utf-8"))


def sse(*events):
    """An event stream of objects, with its end marker."""
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n"])


def summarize(events):
    """The events of a benchmark as short tuples."""
    return [
        (
            event.type,
            event.completed,
            event.total,
            event.data.model_name if event.data else event.current_model,
        )
        for event in events
    ]


def random_json(rng, depth=3):
    """Any JSON value."""
    scalars = [
        None,
        True,
        False,
        0,
        -1,
        2**70,
        1.5,
        "",
        "text",
        "\u2028\x00",
        "2025-02-30T00:00:00Z",
        "2025-01-01T00:00:00Z",
        "user",
    ]
    if depth == 0 or rng.random() < 0.4:
        return rng.choice(scalars)
    if rng.random() < 0.5:
        return [random_json(rng, depth - 1) for _ in range(rng.randrange(4))]
    keys = ["id", "index", "content", "role", "_extra", "extra", "", "ключ", "to_dict"]
    return {rng.choice(keys): random_json(rng, depth - 1) for _ in range(rng.randrange(4))}


def json_names(cls):
    """The names that the fields of *cls* have in JSON."""
    return [field.metadata.get("json", field.name) for field in dataclasses.fields(cls)]


def random_object(rng, cls):
    """A JSON object with some of the fields of *cls*, holding anything, and some other keys."""
    names = json_names(cls)
    chosen = [name for name in names if rng.random() < 0.7]
    chosen += rng.sample(["x", "_extra", "extra", "keys", "__class__", "größe"], rng.randrange(3))
    return {name: random_json(rng) for name in chosen}


def seeded(number):
    return random.Random(number)
