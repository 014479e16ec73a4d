"""Whether what comes out of the library is what the server sent."""

import re
from datetime import datetime, timedelta

from chatsdk._core.model import Model

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)?")


def moment(text):
    """Microsecond-exact UTC of an ISO 8601 text, without the library's own reader; else None."""
    match = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    value = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    value += timedelta(microseconds=int((fraction or "0").ljust(6, "0")))
    if zone and zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
        value -= offset if zone[0] == "+" else -offset
    return value


def losses(sent, kept, place="body"):
    """Where *kept* lacks or changes what *sent* has. Nulls may be gone, moments spelled otherwise."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        found = []
        for key, value in sent.items():
            if key not in kept:
                found += [] if value is None else [f"{place}.{key} is lost"]
            else:
                found += losses(value, kept[key], f"{place}.{key}")
        return found
    if isinstance(sent, list) and isinstance(kept, list):
        if len(sent) != len(kept):
            return [f"{place}: {len(sent)} items became {len(kept)}"]
        pairs = enumerate(zip(sent, kept))
        return [loss for number, (one, two) in pairs for loss in losses(one, two, f"{place}[{number}]")]
    same = type(sent) is type(kept) and (
        sent == kept or (moment(sent) is not None and moment(sent) == moment(kept))
    )
    return [] if same else [f"{place}: {sent!r} became {kept!r}"]


def models_in(value):
    """All model objects in a result."""
    if isinstance(value, Model):
        yield value
        value = list(vars(value).values())
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from models_in(item)


def extras_in(value):
    """All keys without a field, as ``Class.key``."""
    return {f"{type(model).__name__}.{key}" for model in models_in(value) for key in model.extra}


def misplaced_in(value):
    """What stands in ``extra`` although its class has a field for it."""
    return [
        (type(model).__name__, key)
        for model in models_in(value)
        for key in model.extra
        if key in type(model).__dataclass_fields__
    ]
