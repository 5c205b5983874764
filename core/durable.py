"""Files that outlast a power cut, their bytes and their names. Not for the database's own file.

A file is there for certain once it was synced, and its name once the folder was.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path`, all of it or nothing; when this returns no power cut undoes it.

    Raises:
        OSError: the disk is full or broken; nothing is left behind.
    """
    make_folder(path.parent)
    half = tempfile.NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115  # see below
    try:
        with half:
            half.write(content)
            half.flush()
            os.fsync(half.fileno())
        Path(half.name).replace(path)
    except BaseException:
        Path(half.name).unlink(missing_ok=True)
        raise
    sync(path.parent)


def make_folder(folder: Path) -> None:
    """`folder` and whatever leads to it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until the disk has the bytes of a file, or the names in a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_all(folder: Path) -> None:
    """`sync` a folder, everything in it, and its own name."""
    for path in (*folder.rglob("*"), folder, folder.parent):
        sync(path)
