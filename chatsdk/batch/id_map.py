"""A compact map of ids, for batches of millions."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from functools import lru_cache
from hashlib import blake2b

_SHARD_BITS = 10


@lru_cache(maxsize=1024)  # each id is used several times before and after its call
def id_digest(custom_id: str) -> int:
    """Return the 64-bit digest that stands for *custom_id*."""
    return int.from_bytes(blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class IdMap:
    """A map from digests of ids to 32-bit numbers; 0 for digests that are not in it.

    Sorted arrays take 12 bytes for each entry, a dict more than 100.
    """

    def __init__(self) -> None:
        self._shards = [(array("Q"), array("I")) for _ in range(1 << _SHARD_BITS)]

    def get(self, digest: int) -> int:
        """Return the number of *digest*."""
        digests, numbers = self._shards[digest >> (64 - _SHARD_BITS)]
        place = bisect_left(digests, digest)
        return numbers[place] if place < len(digests) and digests[place] == digest else 0

    def set(self, digest: int, number: int) -> None:
        """Set the number of *digest*."""
        digests, numbers = self._shards[digest >> (64 - _SHARD_BITS)]
        place = bisect_left(digests, digest)
        if place < len(digests) and digests[place] == digest:
            numbers[place] = number
        else:
            numbers.insert(place, number)  # first: a Ctrl-C between the two leaves a number for each digest
            digests.insert(place, digest)
