"""Collections of records, such as API keys, webhooks, providers and alert rules."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, List, Mapping, Optional

from .exchange import HTTPError

Record = Dict[str, Any]


def timestamp(seconds: float = 0.0, timespec: str = "microseconds") -> str:
    """Return the UTC time in *seconds* from now, in ISO 8601 format."""
    when = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return when.isoformat(timespec=timespec).replace("+00:00", "Z")


class Collection:
    """Records by their "id", oldest first. The caller must hold the lock of the service.

    *missing* is the message of a 404; `{id}` in it is replaced by the id.
    """

    def __init__(
        self, missing: str = "Not Found", new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    ) -> None:
        self._missing = missing
        self._new_id = new_id
        self._records: Dict[str, Record] = {}

    def add(self, record: Mapping[str, Any]) -> Record:
        """Add a copy of a record, with a new id if it has none; return the copy."""
        added = {"id": self._new_id(), **record}
        self._records[added["id"]] = added
        return added

    def get(self, record_id: str) -> Record:
        """Return a record, or raise a 404."""
        if record_id not in self._records:
            raise HTTPError(404, self._missing.format(id=record_id))
        return self._records[record_id]

    def find(self, record_id: Optional[str]) -> Optional[Record]:
        """Return a record, or None."""
        return None if record_id is None else self._records.get(record_id)

    def update(self, record_id: str, changes: Mapping[str, Any]) -> Record:
        """Change fields of a record, except to None, or raise a 404."""
        record = self.get(record_id)
        record.update((name, value) for name, value in changes.items() if value is not None)
        return record

    def remove(self, record_id: str) -> Record:
        """Remove and return a record, or raise a 404."""
        record = self.get(record_id)
        del self._records[record_id]
        return record

    def list(self, *, newest_first: bool = False, **filters: Any) -> List[Record]:
        """Return the records whose fields have these values; None matches any value."""
        records = [
            record
            for record in self._records.values()
            if all(value in (None, record.get(name)) for name, value in filters.items())
        ]
        return records[::-1] if newest_first else records

    def __len__(self) -> int:
        return len(self._records)
