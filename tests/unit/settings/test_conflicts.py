from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from srstream.errors import ConfigError
from srstream.settings.load import from_tables


def stream(inbox: str, *outboxes: str, stats: str = "") -> dict[str, Any]:
    sinks = [{"type": "directory", "path": outbox} for outbox in outboxes]
    if stats:
        sinks.append({"type": "stats", "path": stats})
    return {"source": {"type": "directory", "path": inbox}, "sinks": sinks}


def complaints(base: Path, **streams: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as error:
        from_tables({"streams": streams}, base=base)
    return str(error.value).splitlines()


def test_a_stream_does_not_write_where_it_watches(tmp_path: Path) -> None:
    assert complaints(tmp_path, a=stream("in", "out", "in")) == [
        "streams.a.sinks[1].path: the folder this stream watches; "
        "its outputs would be new frames"
    ]


@pytest.mark.parametrize("way", ["in/", "./in", "out/../in", "link", "{base}/in"])
def test_a_folder_is_known_by_any_of_its_names(tmp_path: Path, way: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    (line,) = complaints(tmp_path, a=stream("in", way.format(base=tmp_path)))
    assert line.startswith("streams.a.sinks[0].path: the folder this stream watches")


def test_streams_do_not_feed_each_other_in_a_circle(tmp_path: Path) -> None:
    assert complaints(
        tmp_path, a=stream("x", "y"), b=stream("y", "z"), c=stream("z", "x")
    ) == ["streams.a: streams feed each other in a circle: a -> b -> c -> a"]


def test_one_stream_may_feed_another(tmp_path: Path) -> None:
    streams = {"a": stream("x", "y"), "b": stream("y", "z"), "c": stream("y", "w")}
    from_tables({"streams": streams}, base=tmp_path)


def test_two_streams_do_not_write_pictures_to_one_folder(tmp_path: Path) -> None:
    assert complaints(tmp_path, a=stream("x", "out"), b=stream("y", "out")) == [
        "streams.b.sinks[0].path: the folder of streams.a.sinks[0].path too; "
        "they would overwrite each other"
    ]


def test_one_stream_does_not_write_the_same_pictures_twice(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, a=stream("in", "out", "out"))
    assert line.startswith("streams.a.sinks[1].path: the folder of streams.a.sinks[0]")


def test_one_stream_may_write_two_formats_to_one_folder(tmp_path: Path) -> None:
    both = stream("in", "out", "out")
    both["sinks"][0]["format"] = "png"
    both["sinks"][1]["format"] = "jpg"
    from_tables({"streams": {"a": both}}, base=tmp_path)


def test_two_streams_may_watch_one_folder(tmp_path: Path) -> None:
    streams = {"a": stream("in", "out/a"), "b": stream("in", "out/b")}
    from_tables({"streams": streams}, base=tmp_path)


def test_two_streams_do_not_share_a_file_of_statistics(tmp_path: Path) -> None:
    assert complaints(
        tmp_path,
        a=stream("x", "out/a", stats="stats.jsonl"),
        b=stream("y", "out/b", stats="./stats.jsonl"),
    ) == ["streams.b.sinks[1].path: the file of streams.a.sinks[1].path too; use two files"]


def test_all_conflicts_are_found_at_once(tmp_path: Path) -> None:
    assert len(complaints(tmp_path, a=stream("x", "x"), b=stream("y", "y", "x"))) == 3


def test_a_loop_of_links_is_left_to_who_opens_it(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    from_tables({"streams": {"a": stream("loop", "out")}}, base=tmp_path)
