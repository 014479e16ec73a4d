"""A set of ids in 8 bytes each, for batches of millions."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b

_SHARD_BITS = 10


def id_digest(custom_id: str) -> int:
    """Return the 64-bit digest that stands for *custom_id*."""
    return int.from_bytes(blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


class IdSet:
    """A set of 64-bit digests, kept as sorted arrays: a set of ints takes 60 bytes for each."""

    def __init__(self) -> None:
        self._count = 0
        self._shards = [array("Q") for _ in range(1 << _SHARD_BITS)]

    def add(self, digest: int) -> bool:
        """Add *digest*; return whether it is new."""
        shard = self._shards[digest >> (64 - _SHARD_BITS)]
        place = bisect_left(shard, digest)
        if place < len(shard) and shard[place] == digest:
            return False
        shard.insert(place, digest)
        self._count += 1
        return True

    def __contains__(self, digest: int) -> bool:
        if not self._count:
            return False
        shard = self._shards[digest >> (64 - _SHARD_BITS)]
        place = bisect_left(shard, digest)
        return place < len(shard) and shard[place] == digest

    def __len__(self) -> int:
        return self._count
