"""`jieli serve` that also notes when each commit was told; for bench/push.py only.

`python -m bench.noted NOTES`. The moment is taken on the Writer's thread right after the commit,
before anybody hears of it: where a bare server would call `broadcast`.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import orjson

from api.main import create_app
from api.process import prepare, run
from core.clock import perf
from core.config import Settings
from core.db import Committed
from core.events import Event


def main(notes: Path) -> None:
    settings = Settings()
    prepare(settings)
    app = create_app(settings)
    db = app.state.jieli.db
    tell, noted = db.on_commit, list[tuple[int, str, float]]()

    def committed(news: Committed) -> None:
        now = perf()
        noted.extend((fact.seq, fact.subject, now) for fact in news.news if isinstance(fact, Event))
        tell(news)

    db.on_commit = committed
    # uvicorn raises the signal again once it has come to rest.
    signal.signal(signal.SIGTERM, lambda *_: notes.write_bytes(orjson.dumps(noted)) and None)
    run(app, settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
