from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from srstream.errors import ConfigError
from srstream.settings.load import from_tables


def stream(inbox: str, *outboxes: str, stats: str = "", **source: Any) -> dict[str, Any]:
    sinks = [{"type": "directory", "path": outbox} for outbox in outboxes]
    if stats:
        sinks.append({"type": "stats", "path": stats})
    return {"source": {"type": "directory", "path": inbox, **source}, "sinks": sinks}


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


def test_a_stream_does_not_write_below_a_folder_it_watches_with_all_below(
    tmp_path: Path,
) -> None:
    line = "streams.a.sinks[0].path: below the folder this stream watches; its outputs "
    expected = [line + "would be new frames"]
    assert complaints(tmp_path, a=stream("in", "in/x/y", recursive=True)) == expected
    from_tables({"streams": {"a": stream("in", "in/x/y")}}, base=tmp_path)
    from_tables({"streams": {"a": stream("in/x", "in", recursive=True)}}, base=tmp_path)
    from_tables({"streams": {"a": stream("in", "in2", recursive=True)}}, base=tmp_path)


def test_streams_do_not_feed_each_other_in_a_circle_through_folders_below(
    tmp_path: Path,
) -> None:
    one, other = stream("x", "y/a", recursive=True), stream("y", "x/b", recursive=True)
    (line,) = complaints(tmp_path, a=one, b=other)
    assert line.startswith("streams.a: streams feed each other in a circle: a -> b")
    flat = {**other, "source": {"type": "directory", "path": "y"}}
    from_tables({"streams": {"a": one, "b": flat}}, base=tmp_path)


@pytest.mark.parametrize("keys", [{"after": "move:./in"}, {"failed": "in"}])
@pytest.mark.parametrize("recursive", [False, True])
def test_sources_are_not_moved_to_where_they_come_from(
    tmp_path: Path, keys: dict[str, str], recursive: bool
) -> None:
    (key,) = keys
    (line,) = complaints(tmp_path, a=stream("in", "out", recursive=recursive, **keys))
    assert line.startswith(f"streams.a.source.{key}: the folder this stream watches; ")


def test_sources_may_be_moved_below_where_they_come_from(tmp_path: Path) -> None:
    aside = {"after": "move:in/done", "failed": "in/failed", "recursive": True}
    from_tables({"streams": {"a": stream("in", "out", **aside)}}, base=tmp_path)


def test_sources_are_not_moved_in_a_circle(tmp_path: Path) -> None:
    (line,) = complaints(
        tmp_path,
        a=stream("x", "out/a", after="move:y"),
        b=stream("y", "out/b", after="move:x"),
    )
    assert line.startswith("streams.a: streams feed each other in a circle")


@pytest.mark.parametrize("keys", [{"after": "move:out"}, {"failed": "out"}])
def test_sources_are_not_moved_among_results(tmp_path: Path, keys: dict[str, str]) -> None:
    (key,) = keys
    assert complaints(tmp_path, a=stream("in", "other"), b=stream("x", "out", **keys)) == [
        f"streams.b.sinks[0].path: the folder of streams.b.source.{key} too; "
        "results and sources would mix"
    ]


@pytest.mark.parametrize("after", ["delete", "move:done"])
@pytest.mark.parametrize(
    "other", [stream("in", "b"), stream("in/x", "b"), stream(".", "/b", recursive=True)]
)
def test_no_stream_takes_away_what_another_has_yet_to_read(
    tmp_path: Path, after: str, other: dict[str, Any]
) -> None:
    one = stream("in", "/a", after=after, recursive=True)
    assert complaints(tmp_path, a=one, b=other)[0] == (
        "streams.a.source.after: streams.b.source.path watches these files too, and they "
        "would be gone before it has read them; allowed: keep"
    )


def test_streams_apart_may_empty_their_folders(tmp_path: Path) -> None:
    streams = {
        "a": stream("in", "a", after="delete"),
        "b": stream("in/b", "b", after="delete"),
    }
    from_tables({"streams": streams}, base=tmp_path)


@pytest.mark.parametrize(
    ("state_dir", "recursive", "key"),
    [
        ("in", False, "streams.a.source.path"),
        ("in", True, "streams.a.source.path"),
        ("in/state", True, "streams.a.source.path"),
        ("out/", False, "streams.a.sinks[0].path"),
    ],
)
def test_the_state_does_not_lie_among_pictures(
    tmp_path: Path, state_dir: str, recursive: bool, key: str
) -> None:
    tables = {
        "daemon": {"state_dir": state_dir},
        "streams": {"a": stream("in", "out", recursive=recursive)},
    }
    with pytest.raises(ConfigError) as error:
        from_tables(tables, base=tmp_path)
    assert str(error.value) == (
        f"daemon.state_dir: in the folder of {key}; name another folder for the state"
    )


def test_the_state_may_lie_beside_pictures(tmp_path: Path) -> None:
    for state_dir in ("in/state", "out/state"):
        tables = {
            "daemon": {"state_dir": state_dir},
            "streams": {"a": stream("in", "out")},
        }
        from_tables(tables, base=tmp_path)


def test_all_conflicts_are_found_at_once(tmp_path: Path) -> None:
    assert len(complaints(tmp_path, a=stream("x", "x"), b=stream("y", "y", "x"))) == 3


def test_a_loop_of_links_is_left_to_who_opens_it(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    from_tables({"streams": {"a": stream("loop", "out")}}, base=tmp_path)
