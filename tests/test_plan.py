from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from datakit import plan as plans
from datakit.errors import PlanError


@pytest.mark.parametrize("name", plans.shipped())
def test_a_shipped_plan_checks_and_comes_back_from_its_own_toml(name: str, tmp_path: Path) -> None:
    plan = plans.load(name)
    (tmp_path / "again.toml").write_text(plan.toml(), "utf-8")

    assert plans.load(tmp_path / "again.toml") == plan


def test_the_default_plan_needs_no_download() -> None:
    for use in plans.load().uses["retrieve"]:
        assert not getattr(use.plugin, "allow_download", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", r"a plan has no \[sed\]. Did you mean 'seed'"),
        ('seed = "x"', "expected a whole number"),
        ('purpose = "test"', 'expected "train" or "eval"'),
        ('[segment]\nuse = "heading"', "Did you mean 'headings'"),
        ('[segment]\nuse = "headings"\nmax_token = 9', "no setting 'max_token'. Did you mean"),
        ('[segment]\nuse = "headings"\nmax_tokens = "many"', "headings: max_tokens = 'many'"),
        ('[[retrieve]]\nuse = "bm25"\n[[retrieve]]\nuse = "bm25"', "give one of them name"),
        ('[ingest]\nuse = ["text"]\n[ingest.xml]\n', r"\[ingest.xml\] is not in ingest.use"),
        ("[floors]\ningset = 0.5", "Did you mean 'ingest'"),
        ('[audit]\nprofile = "tset"', r"\[audit\]: profile = 'tset'"),
        ('[audit]\noff = ["DK999"]', "check 'DK999' does not exist"),
        ('[audit.limits.DK101]\ncorpsu = "W>2%"', "no setting 'corpsu'. Did you mean 'corpus'"),
        ('[audit.limits.DK101]\ncorpus = "often"', "limit 'often': expected B, E or W"),
        ("[filter]\nno_such_rule = 1", "has no setting 'no_such_rule'"),
        ("seed = ", "is not TOML"),
        ("[llm]\nmodel = 'x'", r"settings stand in \[llm.default\]"),
        ("[llm.default]\nmodle = 'x'", r"\[llm.default\] has no setting 'modle'. Did you mean 'mo"),
        ("[llm.default]\nconcurrency = 0", "concurrency = 0: expected 1 or more"),
        ("[llm.default]\nbase_url = 'localhost:80'", "expected an http:// or https:// address"),
        ("[llm.default]\nstructured = 'yes'", "structured = 'yes': Input should be 'auto'"),
        ("[llm.default]\napi_key = 'x'", "a key stands in the environment, never in a plan"),
        ('[[generate]]\nuse = "llm_bottom_up"', r"no \[llm.default\]: add that table"),
        (
            '[[generate]]\nuse = "llm_bottom_up"\nendpoint = "cheep"\n[llm.cheap]\nmodel = "x"',
            r"asks endpoint 'cheep': no \[llm.cheep\]. Did you mean 'cheap'",
        ),
        ('[[generate]]\nuse = "llm_bottom_up"\n[llm.default]', "which has no model"),
    ],
)
def test_a_wrong_plan_is_one_clear_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(text)

    with pytest.raises(PlanError, match=message) as caught:
        plans.load(tmp_path / "plan.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[llm.default]\napi_key_env = 'sk-proj-0123456789'",
        "[llm.default]\nbase_url = 'https://me:sk-proj-0123456789@host/v1'",
        "[llm.default]\nbase_url = 'https://host/v1?key=sk-proj-0123456789'",
    ],
)
def test_what_may_be_a_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(PlanError, match="api_key_env") as caught:
        plans.parse(tomllib.loads(text))

    assert "0123456789" not in str(caught.value)


def test_what_is_not_sent_comes_back_from_toml() -> None:
    plan = plans.parse({"llm": {"default": {"model": "m", "temperature": "none"}}})

    assert plan.llm["default"].temperature is None
    assert plans.parse(tomllib.loads(plan.toml())) == plan


def test_an_endpoint_takes_other_settings() -> None:
    plan = plans.with_endpoint(
        plans.load("llm"), {"model": "qwen3", "judge.model": "big", "judge.api_key_env": ""}
    )

    assert plan.llm["default"].model == "qwen3"
    assert (plan.llm["judge"].model, plan.llm["judge"].api_key_env) == ("big", "")
    assert [use.name for use in plan.asking()] == ["llm_bottom_up", "llm_top_down"]


def test_a_plan_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(PlanError, match="Did you mean 'default'"):
        plans.load("defualt")


def test_the_seed_of_the_run_reaches_whoever_has_one() -> None:
    one, two = plans.load(seed=1), plans.load(seed=2)

    assert one.split.seed == 1
    assert two.one("negatives").plugin.seed == 2


def test_a_stage_takes_another_plugin_and_other_settings() -> None:
    plan = plans.with_plugin(plans.load(), "segment", "fixed_window", {"target_tokens": 99})

    assert plan.one("segment").plugin.plugin_name == "fixed_window"
    assert plan.one("segment").plugin.target_tokens == 99


def test_settings_for_one_of_several_plugins_need_its_name() -> None:
    with pytest.raises(PlanError, match="add --use NAME"):
        plans.with_plugin(plans.load(), "retrieve", None, {"k1": 1.0})


@pytest.mark.parametrize(
    "values",
    [
        {"a": 1, "b": 'x"y', "c": [1.5, 2.0], "t": {"d": True, "u": {"e": "中"}}},
        {"list": [{"use": "a"}, {"use": "b", "n": ["x"]}], "z": 0.1},
    ],
)
def test_toml_comes_back_equal(values: dict[str, Any]) -> None:
    assert tomllib.loads(plans.to_toml(values)) == values
