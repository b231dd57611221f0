from __future__ import annotations

from srstream.transport.unanswered import Unanswered

A, B = (b"a", b""), (b"b", b"7", b"")


def test_each_request_waits_with_its_envelope_until_it_is_answered() -> None:
    requests = Unanswered()
    requests.came(A, 0.0)
    requests.came(B, 0.0)
    assert list(requests) == [A, B]
    requests.answered(b"a")
    assert list(requests) == [B]
    requests.answered(b"a")
    requests.answered(b"never seen")
    assert list(requests) == [B]


def test_of_one_sender_the_last_request_waits() -> None:
    requests = Unanswered()
    requests.came((b"b", b"6", b""), 0.0)
    requests.came(B, 0.1)
    assert list(requests) == [B]


def test_who_was_answered_a_moment_ago_is_expected_to_send_again() -> None:
    requests = Unanswered()
    assert not requests.expects(0.0)
    requests.came(A, 0.0)
    assert not requests.expects(0.0)
    requests.answered(b"a")
    assert requests.expects(0.5)
    assert not requests.expects(1.5)
    requests.came(A, 1.6)
    assert not requests.expects(1.6)


def test_senders_without_number_take_bounded_memory() -> None:
    requests = Unanswered()
    for number in range(10_000):
        requests.came((b"%d" % number, b""), 0.0)
    waiting = list(requests)
    assert len(waiting) == 4096
    assert waiting[-1] == (b"9999", b"")
