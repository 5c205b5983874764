"""R1: SIGKILL at random moments; nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from random import Random  # noqa: TID251  # seeded: a failure names its seed

from tests.torture.yard import judge, prepare

ROOT = Path(__file__).parents[2]
LEAST, MOST = 0.004, 0.08  # seconds of life, once warm


class Launcher:
    """Forks workers from a process whose imports are done."""

    def __init__(self, *words: str, module: str = "tests.torture.worker") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert self._read() == "warm"

    def fork(self, url: str, *words: object) -> int:
        """A new worker on `url`, once it is connected; its process id."""
        return int(self.say(" ".join(map(str, (url, *words)))))

    def kill(self, pid: int) -> None:
        assert self.say(f"kill {pid}") == "dead"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def say(self, line: str) -> str:
        """Give one order; the answer to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def kill_again_and_again(
    url: str, folder: Path, *, kills: int, seed: int, workers: int = 2, mutant: str = ""
) -> tuple[list[str], dict[str, int]]:
    """`kills` SIGKILLs over `workers` processes on one database: (what is wrong, figures)."""
    prepare(url)
    journals = [folder / f"worker-{n}" for n in range(workers)]
    lives = [kills // workers + (1 if n < kills % workers else 0) for n in range(workers)]
    pause = threading.Event()  # never set

    def lead(number: int) -> None:
        rng = Random(f"{seed}-{number}")
        launcher = Launcher(*([mutant] if mutant else []))
        for life in range(lives[number]):
            pid = launcher.fork(url, journals[number], seed * 1_000_003 + number * 7919 + life)
            pause.wait(rng.uniform(LEAST, MOST))
            launcher.kill(pid)
        launcher.close()

    leaders = [threading.Thread(target=lead, args=(number,)) for number in range(workers)]
    for leader in leaders:
        leader.start()
    for leader in leaders:
        leader.join()
    found, figures = judge(url, [each for each in journals if each.exists()])
    found += [each.read_text() for each in folder.glob("*.error")]
    return found, {"kills": sum(lives), **figures}
