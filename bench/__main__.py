"""`python -m bench`: measure everything, print one table, keep it under bench/results.

`--rounds N` repeats the interleaved rounds; `--only postings,timers` picks drivers.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import pg
from bench.arena import prepare
from bench.machine import describe
from bench.postings import Row, through_http, without_http
from bench.scanners import scans_and_pushes
from bench.timers import lateness
from core.clock import SystemClock, to_datetime

RESULTS = Path(__file__).parent / "results"
ALL = "postings,scanners,timers"


def main(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds per figure")] = 3,
    only: Annotated[str, typer.Option(help="Drivers, comma separated")] = ALL,
    on: Annotated[str, typer.Option(help="sqlite or postgres, the same server as pgbench")] = (
        "sqlite"
    ),
    write: Annotated[bool, typer.Option(help="Keep the result in bench/results")] = True,
) -> None:
    """Measure this machine."""
    wanted = set(only.split(","))
    found: dict[str, Any] = {
        "machine": describe(),
        "command": f"python -m bench --rounds {rounds} --on {on}",
    }
    lines = [f"machine: {found['machine']}"]
    with tempfile.TemporaryDirectory(prefix="jieli-bench-") as name, pg.server() as server:
        url = ""
        if on == "postgres":
            assert server is not None, "no PostgreSQL is installed"
            url = server.database("bench")
        arena = prepare(Path(name), url=url)
        if "postings" in wanted:
            found["limit"] = "raw sqlite3" if server is None else "pgbench, one plpgsql call"
            rows = [*without_http(arena, server, rounds), *through_http(arena, server, rounds)]
            found["postings"] = [_facts(row) for row in rows]
            lines += [_posting_line(row) for row in rows]
        if "scanners" in wanted:
            found["scanners"] = scans_and_pushes(arena)
            lines += [f"{what}: {value}" for what, value in found["scanners"].items()]
        if "timers" in wanted:
            found["timers"] = lateness(
                server.database("timers") if url else f"sqlite:///{name}/timers.db"
            )
            lines += [f"{what}: {value}" for what, value in found["timers"].items()]
    print("\n".join(lines))
    if write:
        day = f"{to_datetime(SystemClock().now()):%Y-%m-%d-%H%M}"
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(found, ensure_ascii=False, indent=1)
        (RESULTS / f"{day}-{on}.json").write_text(text + "\n")


def _facts(row: Row) -> dict[str, Any]:
    return {
        "what": row.what,
        "clients": row.clients,
        "rate_per_s": round(row.rate),
        "limit_per_s": round(row.limit),
        "ratio": round(row.ratio, 3),
        "p50_ms": round(row.p50_ms, 2),
        "p99_ms": round(row.p99_ms, 2),
        "cpu_us": round(row.cpu_us),
    }


def _posting_line(row: Row) -> str:
    return (
        f"postings {row.what:<22} c={row.clients:<3} {row.rate:7.0f}/s  limit {row.limit:7.0f}/s  "
        f"ratio {row.ratio:.2f}  p50 {row.p50_ms:.1f} ms  p99 {row.p99_ms:.1f} ms  "
        f"CPU {row.cpu_us:.0f} µs"
    )


if __name__ == "__main__":
    typer.run(main)
