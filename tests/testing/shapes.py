"""Compare what two servers send: same keys, same JSON types."""

from tests.support.recordings import recordings

__all__ = ["differences", "recordings"]

FREE = {"metadata", "variables", "provider_specific", "model_metadata"}  # objects of the user, any keys


def differences(recorded, local, place="body"):
    """Where the shapes differ. A null fits any type: one recording cannot show both."""
    if recorded is None or local is None:
        return []
    if kind(recorded) != kind(local):
        return [f"{place}: {kind(recorded)} became {kind(local)}"]
    if isinstance(recorded, dict):
        return object_differences(recorded, local, place)
    if isinstance(recorded, list):
        return list_differences(recorded, local, place)
    return []


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def object_differences(recorded, local, place):
    found = [f"{place}: {name} only in one" for name in sorted(set(recorded) ^ set(local))]
    for name in sorted(set(recorded) & set(local)):
        if name not in FREE or kind(recorded[name]) != kind(local[name]):
            found += differences(recorded[name], local[name], f"{place}.{name}")
    return found


def list_differences(recorded, local, place):
    if recorded and not local:
        return [f"{place}: nothing to compare"]
    found = []
    for position, element in enumerate(local):
        # Elements may differ among themselves: each has to be like one that was recorded.
        candidates = [differences(other, element, f"{place}[{position}]") for other in recorded]
        found += min(candidates, key=len, default=[])
    return found
