from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PIL import Image

from files import save
from pictures import edges, frame
from srstream.cli.resume import Memory, Remembering, check_kept
from srstream.engine import PRESETS, Session, SessionOptions
from srstream.engine.nets import ZssrStarOptions
from srstream.engine.options import Mode
from srstream.errors import ConfigError


def options(mode: Mode = "online") -> SessionOptions:
    light = PRESETS["light"]
    return dataclasses.replace(
        light,
        net=ZssrStarOptions(width=4, depth=2),
        adapt=dataclasses.replace(light.adapt, mode=mode, steps=1, crop=16),
    )


def test_what_was_remembered_is_what_the_session_was_after_its_last_frame(
    tmp_path: Path,
) -> None:
    memory = Memory(tmp_path, options())
    assert memory.recall() is None
    session = Session(options())
    remembering = Remembering(session, memory)
    remembering.begin(frame(edges(20, 24)))
    while not remembering.advance(1.0):
        pass
    remembering.finish()
    assert memory.recall() == session.dump()
    remembering.begin(frame(edges(20, 24)))
    remembering.abandon()
    assert memory.recall() == session.dump()
    memory.forget()
    assert list(tmp_path.iterdir()) == []
    memory.forget()


@pytest.mark.parametrize("mode", ["per-frame", "frozen"])
def test_where_nothing_is_carried_nothing_is_remembered(tmp_path: Path, mode: Mode) -> None:
    remembering = Remembering(Session(options(mode)), Memory(tmp_path, options(mode)))
    remembering.begin(frame(edges(20, 24)))
    remembering.finish()
    assert list(tmp_path.iterdir()) == []


def test_results_that_stand_must_be_as_many_times_larger_as_wanted(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", edges(20, 24))
    save(tmp_path / "a.png", edges(40, 48))
    # A TIFF that is stored upright and comes out turned, and so is its result.
    turned = Image.Exif()
    turned[0x0112] = 6
    save(tmp_path / "b.tif", edges(20, 24), exif=turned)
    save(tmp_path / "b.png", edges(48, 40))
    kept = [(tmp_path / "a.jpg", "a"), (tmp_path / "b.tif", "b")]

    def result_of(name: str) -> Path:
        return tmp_path / f"{name}.png"

    check_kept(kept, result_of, scale=2)
    with pytest.raises(ConfigError) as caught:
        check_kept(kept, result_of, scale=3)
    assert [complaint.problem for complaint in caught.value.complaints] == [
        f"{tmp_path}/{name}.png is not 3 times {tmp_path}/{source}; "
        "use another -o, or --overwrite"
        for name, source in (("a", "a.jpg"), ("b", "b.tif"))
    ]
