from __future__ import annotations

from srstream.runtime.progress import Progress


def looked(progress: Progress, *looks: tuple[float, float | None]) -> list[bool]:
    return [progress.look(now, still_since=since) for now, since in looks]


def test_work_that_stands_still_for_the_limit_does_not_get_on() -> None:
    progress = Progress(limit=3.0, every=1.0, now=0.0)
    seen = looked(progress, (1.0, 0.5), (2.0, 0.5), (3.0, 0.5), (3.5, 0.5))
    assert seen == [True, True, True, False]


def test_no_work_at_all_gets_on() -> None:
    progress = Progress(limit=3.0, every=1.0, now=0.0)
    assert all(looked(progress, *((float(now), None) for now in range(1, 100))))


def test_slices_that_end_in_time_get_on_for_ever() -> None:
    progress = Progress(limit=3.0, every=1.0, now=0.0)
    looks = ((float(now), float(now - now % 2)) for now in range(1, 100))
    assert all(looked(progress, *looks))


def test_the_time_begins_anew_when_a_slice_ends() -> None:
    progress = Progress(limit=3.0, every=1.0, now=0.0)
    looked(progress, (1.0, 0.0), (2.0, 0.0))
    assert progress.still == 2.0
    looked(progress, (3.0, 2.5))
    assert progress.still == 0.5


def test_time_in_which_the_whole_process_was_stopped_is_not_held_against_the_work() -> None:
    progress = Progress(limit=30.0, every=1.0, now=0.0)
    assert looked(progress, (1.0, 0.5), (3601.0, 0.5)) == [True, True]
    assert progress.still == 0.5 + 2.0  # a look may be twice as late as expected


def test_a_slice_that_is_long_when_it_is_first_seen_counts_from_the_look_before() -> None:
    progress = Progress(limit=30.0, every=1.0, now=100.0)
    assert progress.look(101.0, still_since=0.0)
    assert progress.still == 1.0
