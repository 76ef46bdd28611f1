"""Prices: dated, by address, the user's own first; what is not known is not 0."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from datakit.errors import UsageError
from datakit.llm.exchange import Reply, Usage
from datakit.llm.prices import Price, Prices, load, total, usage_of

OPENAI = "https://api.openai.com/v1"


def test_every_shipped_price_says_of_when_and_from_where_it_is() -> None:
    for row in load().rows:
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", row.date)
        assert row.source.startswith("https://")
        assert row.host
        assert 0 < row.input < row.output


def test_a_dated_model_has_the_price_of_its_name_and_a_variant_has_not() -> None:
    prices = Prices("USD", (Price("gpt-x", 1, 2),))

    assert prices.of("gpt-x-2026-01-31", OPENAI) == prices.rows[0]
    assert prices.of("gpt-x-0131", OPENAI) == prices.rows[0]
    assert prices.of("gpt-x-mini", OPENAI) is None
    assert prices.of("gpt-x2", OPENAI) is None


def test_the_same_name_at_another_address_has_no_known_price() -> None:
    shipped = load()

    assert shipped.of("gpt-4o-mini", OPENAI) is not None
    assert shipped.of("gpt-4o-mini", "http://localhost:8000/v1") is None


def test_a_file_of_the_users_own_stands_first(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        '[[price]]\nmodel = "gpt-4o-mini"\ninput = 9\noutput = 9\n'
        '[[price]]\nmodel = "mine"\ninput = 0\noutput = 0\n'
    )
    prices = load(file)

    assert prices.of("gpt-4o-mini", OPENAI).input == 9
    assert prices.of("mine", "http://localhost:1/v1").cost(10, 0, 10) == 0.0
    assert prices.of("gpt-4o", OPENAI) == load().of("gpt-4o", OPENAI)


def test_amounts_of_two_currencies_are_not_mixed(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('currency = "CNY"\n[[price]]\nmodel = "qwen"\ninput = 1\noutput = 2\n')

    prices = load(file)
    assert prices.currency == "CNY"
    assert [row.model for row in prices.rows] == ["qwen"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[price]\n", "is not TOML"),
        ('[[price]]\nmodel = "m"\ninput = 1\n', "has no output"),
        ('[[price]]\nmodel = "m"\ninput = -1\noutput = 1\n', "a number, 0 or more"),
        ('[[price]]\nmodel = "m"\ninput = "1"\noutput = 1\n', "a number, 0 or more"),
        ('[[price]]\nmodel = "m"\ninputs = 1\noutput = 1\n', "Did you mean 'input'"),
        ("price = 3\n", "no table of prices"),
        ("price = [3]\n", "expected a table"),
        ("[[price]]\nmodel = 3\ninput = 1\noutput = 1\n", "expected text"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)

    with pytest.raises(UsageError, match=says) as error:
        load(file)
    assert "\n" not in str(error.value).split("is not TOML")[0]


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path / "none.toml")


def test_cached_tokens_and_batches_have_their_own_price() -> None:
    price = Price("m", 1.0, 4.0, cached_input=0.1, batch=0.5)

    assert price.cost(1000, 400, 100) == pytest.approx((600 + 40 + 400) / 1e6)
    assert price.cost(1000, 400, 100, batch=True) == pytest.approx((600 + 40 + 400) / 2e6)
    assert Price("m", 1.0, 4.0).cost(1000, 400, 100) == pytest.approx(1400 / 1e6)


def test_a_cost_that_is_not_known_stays_unknown_in_a_sum() -> None:
    known = usage_of(Reply("k", "x", prompt_tokens=10), Price("m", 1, 1))
    unknown = usage_of(Reply("k", "x", prompt_tokens=10), None)

    assert total([known, known]).cost == pytest.approx(20 / 1e6)
    assert total([known, unknown]).cost is None
    assert total([]) == Usage()
