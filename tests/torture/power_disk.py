"""A disk whose power can be cut: a FUSE file system that forgets what nobody synced.

`python -m tests.torture.power_disk` is a launcher. `{"mount": …}` on its stdin (a `Power` in JSON)
forks a process that serves the folder `image` at `mount` and cuts the power itself at its
`cut_at`-th change: `image` then holds what is left. `wait` answers `cut` when that has happened.

Durable is what `fsync` covered: a file's bytes and size, and by an fsync of the folder the names in
it. "drop" forgets everything else; "torn" tosses a coin for each page of 4096 bytes, each size and
each name. Nothing is kept back in any other order, and what was synced is never hurt.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from stat import S_IFDIR, S_IFREG
from typing import Any

import orjson

PAGE = 4096
PATIENCE = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Power:
    """One time between switching on and the cut."""

    mount: str
    image: str
    cut_at: int
    torn: bool
    seed: int


@dataclass(slots=True)
class File:
    """`data` is what programs see, `safe` what is left when the power goes."""

    data: bytearray = field(default_factory=bytearray)
    safe: bytearray = field(default_factory=bytearray)
    dirty: set[int] = field(default_factory=set)  # pages in which they may differ

    def write(self, content: bytes, offset: int) -> None:
        if offset > len(self.data):
            self.resize(offset)
        end = offset + len(content)
        self.data[offset:end] = content
        self.dirty.update(range(offset // PAGE, -(-end // PAGE)))

    def resize(self, size: int) -> None:
        first, last = sorted((size, len(self.data)))
        self.dirty.update(range(first // PAGE, -(-last // PAGE)))
        _resize(self.data, size)

    def sync(self) -> None:
        _resize(self.safe, len(self.data))
        self._keep(self.safe, self.dirty)
        self.dirty.clear()

    def torn(self, coin: Callable[[], bool]) -> bytearray:
        """What is left when the disk had written some of it by itself."""
        left = bytearray(self.safe)
        if coin():
            _resize(left, len(self.data))
        self._keep(left, {page for page in sorted(self.dirty) if coin()})
        return left

    def _keep(self, left: bytearray, pages: set[int]) -> None:
        for page in sorted(pages):
            chunk = self.data[page * PAGE : (page + 1) * PAGE]
            if chunk:
                _resize(left, max(len(left), page * PAGE))
                left[page * PAGE : page * PAGE + len(chunk)] = chunk


def _resize(data: bytearray, size: int) -> None:
    del data[size:]
    data.extend(bytes(size - len(data)))


Names = dict[str, File | None]  # absolute path → file, or None for a folder


class Disk:
    """The operations FUSE asks for; one thread."""

    use_ns = True

    def __init__(self, power: Power, up: Callable[[], None]) -> None:
        self._power, self._up = power, up
        self._left = power.cut_at
        self._now: Names = {"/": None, **_load(Path(power.image))}
        self._safe: Names = dict(self._now)

    def init(self, _path: str) -> None:
        self._up()

    # -- looking ---------------------------------------------------------------------------------
    def getattr(self, path: str, _handle: int | None = None) -> dict[str, Any]:
        if path not in self._now:
            raise OSError(errno.ENOENT, path)
        file = self._now[path]
        if file is None:
            return {"st_mode": S_IFDIR | 0o755, "st_nlink": 2}
        return {"st_mode": S_IFREG | 0o644, "st_nlink": 1, "st_size": len(file.data)}

    def readdir(self, path: str, _handle: int) -> list[str]:
        return [".", "..", *(PurePosixPath(name).name for name in _inside(self._now, path))]

    def open(self, path: str, _flags: int) -> int:
        self._file(path)
        return 0

    def read(self, path: str, size: int, offset: int, _handle: int) -> bytes:
        return bytes(self._file(path).data[offset : offset + size])

    # -- changing --------------------------------------------------------------------------------
    def write(self, path: str, content: bytes, offset: int, _handle: int) -> int:
        self._change()
        self._file(path).write(content, offset)
        return len(content)

    def truncate(self, path: str, size: int, _handle: int | None = None) -> int:
        self._change()
        self._file(path).resize(size)
        return 0

    def create(self, path: str, _mode: int) -> int:
        self._change()
        self._now[path] = File()
        return 0

    def mkdir(self, path: str, _mode: int) -> int:
        self._change()
        self._now[path] = None
        return 0

    def unlink(self, path: str) -> int:
        self._change()
        del self._now[path]
        return 0

    def rmdir(self, path: str) -> int:
        if _inside(self._now, path):
            raise OSError(errno.ENOTEMPTY, path)
        return self.unlink(path)

    def rename(self, old: str, new: str) -> int:
        """Of a file; nobody here renames folders."""
        self._change()
        self._now[new] = self._now.pop(old)
        return 0

    def chmod(self, _path: str, _mode: int) -> int:
        return 0

    def utimens(self, _path: str, _times: object = None) -> int:
        return 0

    # -- making it last --------------------------------------------------------------------------
    def fsync(self, path: str, _data_only: int, _handle: int) -> int:
        self._change()
        self._file(path).sync()
        return 0

    def fsyncdir(self, path: str, _data_only: int, _handle: int) -> int:
        self._change()
        gone = [name for name in _inside(self._safe, path) if name not in self._now]
        for name in gone:
            del self._safe[name]
        self._safe |= {name: self._now[name] for name in _inside(self._now, path)}
        return 0

    def _file(self, path: str) -> File:
        file = self._now.get(path)
        if file is None:
            raise OSError(errno.ENOENT, path)
        return file

    def _change(self) -> None:
        self._left -= 1
        if self._left == 0:
            _store(Path(self._power.image), self._remains())
            os._exit(0)

    def _remains(self) -> dict[str, bytearray | None]:
        """What is found when the power is back."""
        if not self._power.torn:
            return {name: None if file is None else file.safe for name, file in self._safe.items()}
        rng = Random(self._power.seed)

        def coin() -> bool:
            return rng.random() < 0.5

        names = dict(self._safe)
        for name in sorted({*self._now, *self._safe}):
            if self._now.get(name, self) is not self._safe.get(name, self) and coin():
                names.pop(name, None)
                names |= {name: self._now[name]} if name in self._now else {}
        left = sorted(names.items())
        return {name: None if file is None else file.torn(coin) for name, file in left}


def _inside(names: Names, folder: str) -> list[str]:
    return [name for name in names if name != "/" and str(PurePosixPath(name).parent) == folder]


def _load(image: Path) -> Names:
    found: Names = {}
    for path in sorted(image.rglob("*")):
        content = bytearray() if path.is_dir() else bytearray(path.read_bytes())
        name = f"/{path.relative_to(image)}"
        found[name] = None if path.is_dir() else File(content, bytearray(content))
    return found


def _store(image: Path, remains: dict[str, bytearray | None]) -> None:
    """A file in a folder that did not last is lost with it."""
    shutil.rmtree(image)
    image.mkdir()
    for name, content in sorted(remains.items()):
        path = image / name.removeprefix("/")
        if content is None:
            path.mkdir(exist_ok=True)
        elif path.parent.is_dir():
            path.write_bytes(content)


def _serve(power: Power, says: int) -> None:
    import mfusepy  # needs libfuse, which not every machine has

    try:
        mfusepy.FUSE(
            Disk(power, lambda: _up(says)),
            power.mount,
            foreground=True,
            nothreads=True,
            kernel_cache=True,
        )
    finally:
        os._exit(1)


def _up(says: int) -> None:
    os.write(says, b"up")


def _switch_on(power: Power) -> tuple[int, bool]:
    """(pid, whether it is mounted)."""
    hears, says = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hears)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _serve(power, says)
    os.close(says)
    is_up = os.read(hears, 2) == b"up"
    os.close(hears)
    return pid, is_up


def _ended(pid: int) -> str:
    """`cut` once it has happened; `stuck` when nobody changes anything any more."""
    ends = os.pidfd_open(pid)
    over, _, _ = select.select([ends], [], [], PATIENCE)
    os.close(ends)
    if not over:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "cut" if over else "stuck"


def _unmount(mount: str) -> None:
    how = ["umount", "-l"] if os.geteuid() == 0 else ["fusermount3", "-u", "-z"]
    subprocess.run([*how, mount], check=True)


def main() -> None:
    """Obey until stdin ends."""
    import mfusepy  # before the first fork

    assert mfusepy
    pid, mount = 0, ""
    print("warm", flush=True)  # the protocol
    for line in sys.stdin:
        if line.strip() == "wait":
            print(_ended(pid), flush=True)  # the protocol
            _unmount(mount)
            continue
        power = Power(**orjson.loads(line))
        mount = power.mount
        pid, is_up = _switch_on(power)
        print("mounted" if is_up else "failed", flush=True)  # the protocol


if __name__ == "__main__":
    main()
