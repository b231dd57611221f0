from __future__ import annotations

from srstream.sources.presence import Presence


def test_what_was_found_is_there_and_what_was_not_is_gone() -> None:
    present = Presence({"a.png", "b/c.png"}, ())
    assert "a.png" in present
    assert "b/d.png" not in present


def test_what_is_below_an_unreadable_folder_may_be_there() -> None:
    present = Presence({"a.png"}, ["b/c", "d.png"])
    for source in ("b/c/x.png", "b/c/y/z.png", "d.png"):
        assert source in present
    for source in ("b/x.png", "b/cc/x.png", "c"):
        assert source not in present
