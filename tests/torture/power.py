"""R3: the power is cut, again and again; what was acknowledged is there when it comes back.

A machine is a fresh disk (power_disk.py) whose power is cut some times at a seeded change of it;
between cuts people work on it with our own Database (power_worker.py). Then the judge recounts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from ctypes.util import find_library
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from core.clock import SystemClock
from core.db import Database
from core.tasks import files
from core.tasks.tables import files as file_rows
from tests.torture.kills import Launcher
from tests.torture.power_disk import Power
from tests.torture.power_worker import Shift
from tests.torture.yard import judge, prepare

CUTS_OF_A_MACHINE = 25
MOST_CHANGES = 3000  # of the disk between two cuts
CHECKPOINTS = (0, 20, 200)  # pages of log, or rows changed


def why_not() -> str:
    """Why no disk of ours can be made here; empty when it can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there, or not for us"
    if not (find_library("fuse3") or find_library("fuse")):
        return "libfuse is not installed (Debian: libfuse3-3)"
    if os.geteuid() and shutil.which("fusermount3") is None:
        return "fusermount3 is not installed (Debian: fuse3), and we are not root"
    return ""


def switch_on(disks: Launcher, power: Power) -> None:
    """Mount a disk; the launcher then waits for its cut."""
    mounted = disks.say(orjson.dumps(asdict(power)).decode())
    assert mounted == "mounted", "FUSE is there and does not work"


@dataclass(slots=True)
class Found:
    """What all machines came to."""

    wrong: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


class Machine:
    """One disk, from the shop until it is judged."""

    def __init__(self, folder: Path, *, seed: int, synchronous: str) -> None:
        self.mount, self.image = folder / "mount", folder / "image"
        self.journals = folder / "journals"
        for each in (self.mount, self.image, self.journals):
            each.mkdir(parents=True)
        self.seed, self._synchronous = seed, synchronous
        self._heard: list[dict[str, int]] = []  # after each cut, how long each journal was
        prepare(f"sqlite:///{self.image}/jieli.db")

    def cut(self, disks: Launcher, workers: Launcher, rng: Random, mode: str) -> bool:
        """Switch it on, let people work, cut the power; False when nothing moved any more."""
        power = Power(
            str(self.mount),
            str(self.image),
            cut_at=rng.randint(1, MOST_CHANGES),
            torn=mode == "torn",
            seed=rng.getrandbits(32),
        )
        shift = Shift(
            str(self.mount),
            str(self.journals),
            seed=rng.getrandbits(32),
            people=rng.randint(1, 4),
            synchronous=self._synchronous,
            checkpoint=rng.choice(CHECKPOINTS),
            beside=rng.choice(CHECKPOINTS),
        )
        switch_on(disks, power)
        pid = workers.say(orjson.dumps(asdict(shift)).decode())
        ended = disks.say("wait")
        workers.say(f"kill {pid}")
        self._heard.append({each.name: each.stat().st_size for each in self.journals.iterdir()})
        return ended == "cut"

    def judge(self, found: Found) -> None:
        """Open what is left with our own code and recount."""
        url = f"sqlite:///{self.image}/jieli.db"
        found.wrong += [f"corrupt: {each.read_text()}" for each in self.journals.glob("*.error")]
        journals = sorted(self.journals.glob("worker-*"))
        try:
            wrong, figures = judge(url, journals, most=None)
            wrong += self._lost_photos(url, figures)
        except DBAPIError as problem:
            wrong, figures = [f"corrupt: {problem}"], {}
        lost = {each.removeprefix("lost: ") for each in wrong if each.startswith("lost: ")}
        found.wrong += [f"{each} (machine {self.seed})" for each in wrong]
        found.figures.update(figures)
        found.figures["cuts_with_loss"] += len({self._cut_of(key, journals) for key in lost})
        found.figures["corrupt"] += any(each.startswith("corrupt: ") for each in wrong)

    def _lost_photos(self, url: str, figures: dict[str, int]) -> list[str]:
        db = Database(url, SystemClock())
        sound = db.read_now(lambda conn: conn.exec_driver_sql("PRAGMA integrity_check").scalar())
        rows = db.read_now(lambda conn: set(conn.execute(select(file_rows.c.sha256)).scalars()))
        db.close()
        journal = self.journals / "photos"
        promised = set(journal.read_text().split()) if journal.exists() else set()
        lost = [each for each in promised if each not in rows or not self._is_whole(each)]
        half = [each for each in rows - promised if not self._is_whole(each)]
        figures |= {"photos": len(promised), "photos_lost": len(lost) + len(half)}
        found = [f"lost photo: {each[:12]}" for each in lost]
        found += [f"a row without its photo: {each[:12]}" for each in half]
        return found if sound == "ok" else [*found, f"corrupt: {sound}"]

    def _is_whole(self, digest: str) -> bool:
        path = files.path_of(self.image / "files", digest)
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest

    def _cut_of(self, key: str, journals: list[Path]) -> int:
        """The number of the cut after which an acknowledged operation was gone."""
        for journal in journals:
            place = journal.read_bytes().find(f" {key} ".encode())
            if place >= 0:
                heard = [cut.get(journal.name, 0) for cut in self._heard]
                return next(n for n, size in enumerate(heard) if size > place)
        return -1


def cut_again_and_again(
    folder: Path, *, cuts: int, seed: int, mode: str = "drop", synchronous: str = "FULL"
) -> tuple[list[str], dict[str, Any]]:
    """`cuts` power cuts in `mode` ("drop" or "torn"): (what is wrong, figures)."""
    rng = Random(f"{seed}-{mode}-{synchronous}")
    disks = Launcher(module="tests.torture.power_disk")
    workers = Launcher(module="tests.torture.power_worker")
    found = Found()
    for number in range(-(-cuts // CUTS_OF_A_MACHINE)):
        machine = Machine(folder / str(number), seed=number, synchronous=synchronous)
        for _ in range(min(CUTS_OF_A_MACHINE, cuts - number * CUTS_OF_A_MACHINE)):
            if not machine.cut(disks, workers, rng, mode):
                found.wrong.append(f"machine {number} came to a standstill")
                break
            found.figures["cuts"] += 1
        machine.judge(found)
        shutil.rmtree(folder / str(number))
    workers.close()
    disks.close()
    return found.wrong, {"mode": mode, "synchronous": synchronous, **found.figures}
