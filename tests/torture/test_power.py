"""R3 at the suite's size. The full size: `make torture`.

# tidy: skip — a power cut needs FUSE; where it is missing the run says so instead of passing
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import pytest

from api.backup import back_up, put_back
from core.config import Settings
from core.tasks.files import keep
from tests.torture.kills import Launcher
from tests.torture.power import cut_again_and_again, switch_on, why_not
from tests.torture.power_disk import Power
from tests.torture.yard import judge, prepare

CUTS = int(os.environ.get("JIELI_TORTURE_CUTS", "20"))
SEED = int(os.environ.get("JIELI_SEED", "1"))

pytestmark = [pytest.mark.sqlite, pytest.mark.timeout(60 + 3 * CUTS)]


@pytest.fixture(autouse=True)
def fuse() -> None:
    missing = why_not()
    if missing:
        pytest.skip(f"R3 POWER CUTS WERE NOT RUN: {missing}")


@pytest.mark.parametrize("mode", ["drop", "torn"])
def test_what_was_acknowledged_outlasts_a_power_cut(tmp_path: Path, mode: str) -> None:
    """Postings, tasks and the bytes of photos; found first: a photo's name was not synced."""
    found, figures = cut_again_and_again(tmp_path, cuts=CUTS, seed=SEED, mode=mode)
    print(orjson.dumps({"test": "R3", "seed": SEED, **figures}).decode())
    assert found == []
    assert figures["acknowledged"] > CUTS, "people hardly got to work"
    assert figures["photos"] > 0


def test_a_log_that_is_not_synced_at_every_commit_is_caught(tmp_path: Path) -> None:
    """synchronous=NORMAL, which may lose the last commits, would not pass for FULL."""
    found, figures = cut_again_and_again(tmp_path, cuts=8, seed=SEED, synchronous="NORMAL")
    assert figures["lost"] > 0
    assert any(each.startswith("lost: ") for each in found)
    assert figures["corrupt"] == 0


def until_dark(file: Path) -> None:
    """Write until the power is gone."""
    with suppress(OSError), file.open("wb", 0) as junk:
        while True:
            junk.write(b"x")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Path, Callable[[], None]]]:
    """A new disk that is on: where it is mounted, what is left of it, and how to cut its power."""
    mount, image = tmp_path / "mount", tmp_path / "image"
    mount.mkdir()
    image.mkdir()
    disks = Launcher(module="tests.torture.power_disk")
    switch_on(disks, Power(str(mount), str(image), cut_at=20_000, torn=False, seed=SEED))

    def cut() -> None:
        until_dark(mount / "junk")
        assert disks.say("wait") == "cut"

    yield mount, image, cut
    disks.close()


def test_a_database_made_today_is_there_tomorrow(
    disk: tuple[Path, Path, Callable[[], None]],
) -> None:
    """Its folder is new too; nobody had synced that folder's own name."""
    mount, image, cut = disk
    prepare(f"sqlite:///{mount}/data/jieli.db")
    cut()
    found, figures = judge(f"sqlite:///{image}/data/jieli.db", [])
    assert found == []
    assert figures["events"] > 0


def test_a_backup_and_what_was_restored_outlast_a_power_cut(
    disk: tuple[Path, Path, Callable[[], None]], tmp_path: Path
) -> None:
    """Neither was synced when it was said to be made."""
    mount, image, cut = disk
    url = f"sqlite:///{tmp_path}/jieli.db"
    prepare(url)
    keep(tmp_path / "files", b"a photo")
    back_up(Settings(database_url=url, files_dir=tmp_path / "files"), mount / "backup")
    home = Settings(database_url=f"sqlite:///{mount}/data/jieli.db", files_dir=mount / "files")
    put_back(home, mount / "backup", verify=True, force=False)
    cut()
    again = Settings(database_url=f"sqlite:///{tmp_path}/2.db", files_dir=tmp_path / "2")
    assert put_back(again, image / "backup", verify=True, force=False)["verified"]
    assert judge(f"sqlite:///{image}/data/jieli.db", [])[0] == []
    assert [each.read_bytes() for each in (image / "files").rglob("*/*")] == [b"a photo"]
