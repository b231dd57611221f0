from __future__ import annotations

from fakes import FakeLedger
from srstream.ledger import Entry, Fate, Signature
from srstream.sources.names import Names
from srstream.sources.recall import Recall, portions


def known(source: str, name: str) -> Entry:
    return Entry(source, name, Signature(1, 1), Fate.DONE, None, 1, "", 0.0, "")


def test_portions_are_never_empty_and_hold_everything_in_order() -> None:
    assert list(portions("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(portions("", 2)) == []


async def test_a_source_keeps_its_name_and_gets_no_name_of_another() -> None:
    had = [known("old.png", "x"), known("gone.png", "a"), known("gone", "a.png")]
    had += [known(f"gone{n}", f"a.png~{n}") for n in range(2, 30)]
    ledger, names = FakeLedger(known=had), Names()
    recall = Recall(ledger, names)
    sources = ["old.png", "a.png", "b.png"]
    await recall.name(sources, await recall.entries(sources))
    assert [names.claim(source) for source in sources] == ["x", "a.png~30", "b"]


async def test_of_two_new_sources_that_want_a_name_the_first_gets_it() -> None:
    names = Names()
    recall = Recall(FakeLedger(known=[known("b.png", "a")]), names)
    await recall.name(["a.jpg"], {})
    await recall.name(["b.png"], {"b.png": known("b.png", "a.jpg")})
    assert names.claim("a.jpg") == "a.jpg"
    assert names.claim("b.png") == "b"


async def test_a_thousand_and_one_are_asked_about_in_two_portions() -> None:
    ledger = FakeLedger()
    await Recall(ledger, Names()).present([str(n) for n in range(1001)])
    asked = [call[1] for call in ledger.names_of("present")]
    assert [len(portion) for portion in asked if isinstance(portion, frozenset)] == [
        1000,
        1,
    ]


async def test_about_nothing_nothing_is_asked() -> None:
    ledger = FakeLedger()
    await Recall(ledger, Names()).present([])
    assert ledger.calls == []
