from __future__ import annotations

from dataclasses import dataclass

import pytest

from datakit import registry
from datakit.errors import PlanError, UnknownName


@registry.plugin("segmenters", "for_this_test")
@dataclass(frozen=True)
class Cutter:
    """Cuts."""

    max_chars: int = 100
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ValueError("expected at least 1")


def test_settings_become_fields() -> None:
    made = registry.make("segmenters", "for_this_test", {"max_chars": 5, "names": ["a"]})

    assert made == Cutter(5, ("a",))


def test_a_misspelt_setting_names_the_right_one() -> None:
    with pytest.raises(PlanError, match=r"has no setting 'max_char'. Did you mean 'max_chars'"):
        registry.make("segmenters", "for_this_test", {"max_char": 5})


@pytest.mark.parametrize(
    ("value", "message"), [("many", "valid integer"), (0, "expected at least 1"), ([], "integer")]
)
def test_a_value_that_does_not_fit_is_one_line(value: object, message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        registry.make("segmenters", "for_this_test", {"max_chars": value})
    assert "\n" not in str(caught.value)


def test_an_unknown_plugin_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'headings'"):
        registry.load("segmenters", "heading")


def test_a_setting_changes_the_identity() -> None:
    assert registry.plugin_id(Cutter(5)) == registry.plugin_id(Cutter(5))
    assert registry.plugin_id(Cutter(5)) != registry.plugin_id(Cutter(6))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_plugin_is_a_frozen_dataclass_with_a_docstring(kind: str) -> None:
    for name in registry.names(kind):
        cls = registry.load(kind, name)
        assert cls.__dataclass_params__.frozen, name
        assert (cls.plugin_kind, cls.plugin_name) == (kind, name)
        assert cls.__doc__
        assert not cls.__doc__.startswith(f"{cls.__name__}("), f"{name} has no docstring"
