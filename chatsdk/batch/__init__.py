"""Batches: thousands of calls of one method, resumable, on threads or any ``concurrent.futures.Executor``.

python -m chatsdk.batch questions.jsonl answers.jsonl --service zaguan --workers 8
"""

from .answers import to_rows as to_rows
from .result_file import Item as Item
from .runner import Batch as Batch, Summary as Summary
