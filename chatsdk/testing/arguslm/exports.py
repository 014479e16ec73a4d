"""Files to download, as JSON or CSV."""

import csv
import io
import json
from typing import Any, Mapping, Sequence

from ..exchange import Reply

Rows = Sequence[Mapping[str, Any]]


def json_file(name: str, document: Mapping[str, Any]) -> Reply:
    """A JSON file: indented, all in ASCII."""
    body = json.dumps(document, indent=2)
    return _file(f"{name}.json", "application/json", body)


def csv_file(name: str, columns: Sequence[str], rows: Rows) -> Reply:
    """A CSV file: nothing for null."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns))
    writer.writeheader()
    writer.writerows(rows)
    return _file(f"{name}.csv", "text/csv; charset=utf-8", text.getvalue())


def _file(name: str, content_type: str, text: str) -> Reply:
    headers = {"content-type": content_type, "content-disposition": f'attachment; filename="{name}"'}
    return Reply(200, text.encode("utf-8"), headers)
