"""Official SDKs as processes of their own: scripts in tests/sdks that talk in lines of JSON.

They judge the simulator and the adapters; nothing of ours is in them but the few lines of script.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).parents[1] / "sdks"
PATIENCE_SECONDS = 20.0


class Sdk:
    """One running script."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def say(self, **message: Any) -> None:
        """Write a line to the script."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(message) + b"\n")
        await self._process.stdin.drain()

    async def hears(self) -> dict[str, Any]:
        """The next line that the script prints."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        assert line, f"the script ended with {await self._process.wait()}"
        found: dict[str, Any] = orjson.loads(line)
        return found

    async def asked(self, **message: Any) -> dict[str, Any]:
        """`say`, then `hears`."""
        await self.say(**message)
        return await self.hears()


@asynccontextmanager
async def sdk(script: str, **environment: str) -> AsyncIterator[Sdk]:
    """`tests/sdks/<script>` by node or by this Python, as its name ends; it is killed at the end.

    `make test` installs the SDKs of node.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable if script.endswith(".py") else "node",
        str(FOLDER / script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    try:
        yield Sdk(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
