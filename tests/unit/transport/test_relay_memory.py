from __future__ import annotations

from srstream.transport.relay import BASE, memory_of


def test_a_relay_has_room_for_two_of_the_largest_messages() -> None:
    largest = 800_000_000
    more = memory_of(hold=4, max_bytes=largest) - memory_of(hold=4, max_bytes=0)
    assert more == 2 * largest


def test_what_is_held_for_receivers_that_stopped_has_room_too() -> None:
    frame = 25_000_000
    room = memory_of(hold=3, max_bytes=0, largest_sent=frame) - BASE
    assert room > 16 * 3 * frame
