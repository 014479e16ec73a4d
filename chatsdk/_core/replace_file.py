"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from functools import partial
from typing import BinaryIO, Iterator


@contextmanager
def replace_file(path: str) -> Iterator[BinaryIO]:
    """Open a file for a ``with`` block, at whose end it replaces *path*; after a failure *path* is unchanged.

    Until then it is a temporary file in the same folder. A file that is replaced keeps its mode.
    """
    target = os.path.realpath(path)
    part = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.part")
    file = open(part, "xb")  # noqa: SIM115  # the end of a "with" flushes again, which hides the first error
    try:
        if os.path.exists(target):
            shutil.copymode(target, part)
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()  # some systems do not rename open files
        os.replace(part, target)
    except BaseException:
        for clean_up in (file.close, partial(os.remove, part)):
            with suppress(Exception):  # on a full disk close() fails as well
                clean_up()
        raise
