"""One run: a real server, one program with scanners, and seeds one after the other.

`Drill` starts both, plays seeds and judges each at once; `end` proves the whole ledger. Not for the
days themselves (day.ts) and not for what must be true of them (audit.py).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import people
from core.clock import MINUTE
from core.stock import prove
from tests.databases import DATABASES
from tests.web.house import House, serving
from tests.web.offline.audit import Verdict, audit, colleague
from tests.web.offline.stage import PIN, Twin, company, told, twin

HERE = Path(__file__).parent


@dataclass(slots=True)
class Drill:
    """A running server and the program with the scanners."""

    house: House
    program: subprocess.Popen[str]
    pin_hash: str
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def play(self, seed: int, mutant: str = "") -> Verdict:
        """One day, and what is wrong with it."""
        offline, online = (twin(self.house.db, f"Q{seed}{n}", self.pin_hash) for n in "AB")
        report = self.report(seed, offline, mutant)
        verdict = audit(self.house.db, offline, online, report)
        self.counts += verdict.counts + Counter(report["counts"])
        self.counts["seeds"] += 1
        self.wrong += [f"seed {seed}: {each}" for each in verdict.wrong]
        return verdict

    def report(self, seed: int, offline: Twin, mutant: str = "") -> dict[str, Any]:
        """What the program saw of one day. `mutant`: how its hands are broken on purpose."""
        stage = told(offline, self.house.db, seed) | {"mutant": mutant}
        self._say({"seed": seed, "base": self.house.url, "stage": stage})
        return self._hear(offline)

    def end(self) -> None:
        """Every balance is the sum of its moves, whatever happened on the way."""
        proof = self.house.db.read_now(prove)
        self.wrong += [f"ledger: {each}" for each in proof.problems]

    def _hear(self, offline: Twin) -> dict[str, Any]:
        """Serve what the program asks of the server's side until its report is there."""
        while True:
            assert self.program.stdout is not None
            line = self.program.stdout.readline()
            assert line, f"the program with the scanners ended: {self.program.poll()}"
            asked = json.loads(line)
            if asked["do"] == "report":
                found: dict[str, Any] = asked["report"]
                return found
            if asked["do"] == "colleague":
                colleague(self.house.db, offline, asked["kind"])
            else:
                self.house.clock.advance(asked["minutes"] * MINUTE)
            self._say({"ok": True})

    def _say(self, words: dict[str, Any]) -> None:
        assert self.program.stdin is not None
        self.program.stdin.write(json.dumps(words) + "\n")
        self.program.stdin.flush()


@contextmanager
def drill() -> Iterator[Drill]:
    """Server and program, until the run is over."""
    node = shutil.which("node")
    assert node, "Node ≥ 20.19 is missing: the client modules run in it"
    seeded = company()
    pin_hash = people.hash_secret(PIN)
    with tempfile.TemporaryDirectory() as folder, serving(seeded, Path(folder)) as house:
        program = subprocess.Popen(
            [node, str(HERE / "run.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE,
        )
        try:
            yield Drill(house, program, pin_hash)
        finally:
            program.kill()
            program.wait()
            for pipe in (program.stdin, program.stdout):
                assert pipe is not None
                pipe.close()
    DATABASES.drop(seeded)
