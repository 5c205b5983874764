"""The import contracts of pyproject.toml hold; a leak is found the day it is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_imports_point_inward() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint, "--no-cache"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        check=False,
    )
    assert done.returncode == 0, done.stdout
