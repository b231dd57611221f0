from __future__ import annotations

import pytest

from srstream.errors import ConfigError
from srstream.settings.findings import Findings, refuse


def test_nothing_is_raised_where_nothing_was_found() -> None:
    Findings().settle()


def test_what_several_steps_found_is_raised_together_and_once() -> None:
    findings = Findings()
    findings.add("a", "wrong")
    with findings.gathered():
        raise refuse("b", "wrong")
    findings.add("a", "wrong")
    with pytest.raises(ConfigError) as error:
        findings.settle()
    assert str(error.value) == "a: wrong\nb: wrong"


def test_other_errors_are_not_gathered() -> None:
    findings = Findings()
    with pytest.raises(KeyError), findings.gathered():
        raise KeyError
