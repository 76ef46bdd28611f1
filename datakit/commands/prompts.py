"""`datakit prompts`: the words that a language model gets, before a call is paid for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from datakit.commands.options import (
    DatasetArgument,
    JsonOption,
    PlanOption,
    SetOption,
    UseOption,
    settings_of,
)
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.llm.exchange import Request, Task

prompts_app = typer.Typer(help="Show what language models are asked.", no_args_is_help=True)
_FALLBACK = "llm_bottom_up"


@prompts_app.command("list")
def list_prompts(as_json: JsonOption = False) -> None:
    """List the prompts that come with datakit: name, languages, digest, purpose.

    Example: datakit prompts list
    """
    from datakit.llm import prompts

    found = prompts.released()
    if as_json:
        rows = [
            {
                "prompt": one.prompt_id,
                "languages": list(one.languages),
                "schema": one.schema.name,
                "digest": one.digest,
                "purpose": one.purpose,
                "variables": list(one.variables),
            }
            for one in found
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return
    for one in found:
        languages = ", ".join("any" if tag == prompts.ANY else tag for tag in one.languages)
        print(f"{one.prompt_id:<20} {languages:<5} {one.digest[:16]}  {one.purpose}")


@prompts_app.command()
def show(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="As `prompts list` names it.")],
) -> None:
    """Print a prompt's file, to read it or to begin one of your own with.

    Example: datakit prompts show bottom_up.v1.en > my_prompt.md
    """
    from datakit.llm import prompts

    print(prompts.released_path(prompt).read_text("utf-8"), end="")


@prompts_app.command()
def render(
    out: DatasetArgument,
    record: Annotated[
        str, typer.Argument(metavar="ID", help="A passage, or a cluster that is asked about.")
    ],
    plan: PlanOption = None,
    use: UseOption = None,
    values: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the exact messages that a passage would get, and about how many tokens they have.

    The plan's generator and endpoint are used; without one, llm_bottom_up as it comes. `--json`
    gives the body of the call. Nothing is sent.

    Example: datakit prompts render out 8a5015f82c1d9e00:0-812 --set prompt=./my_prompt.md
    """
    from datakit.llm.prompts import estimate_tokens, message_tokens

    task, request = _first_request(out, record, plan, use, values)
    if as_json:
        print(json.dumps(request.body(), ensure_ascii=False))
        return
    for message in request.messages:
        print(f"=== {message.role}, about {estimate_tokens(message.content):,} tokens")
        print(f"{message.content}\n")
    print(
        f"{task.prompt_id} ({task.prompt_digest[:16]}), schema {task.schema.name}: about "
        f"{message_tokens(request.messages):,} tokens asked, at most {task.max_tokens:,} answered. "
        "The count is an estimate, made without the model's tokeniser.",
        file=sys.stderr,
    )


def _first_request(
    out: Path, record: str, plan: str | None, use: str | None, values: list[str] | None
) -> tuple[Task, Request]:
    from datakit import pipeline
    from datakit import plan as plans
    from datakit.dataset import Dataset
    from datakit.llm.conversation import Talk, walk
    from datakit.llm.endpoint import EndpointSettings
    from datakit.llm.exchange import Request
    from datakit.stages import documents_of

    dataset = Dataset.open(out)
    chosen = plans.load(plan) if plan else pipeline.plan_of(dataset)
    for generator in _generators(chosen, use, settings_of(values)):
        for task in generator.tasks(documents_of(dataset), dataset.read("passage")):
            if task.record_id != record:
                continue
            if not hasattr(task, "messages"):
                raise UsageError(f"{record} is not asked about: {task.reason}, {task.detail}.")
            endpoint = chosen.llm.get(generator.endpoint, EndpointSettings())
            request = walk(task, Talk(endpoint, lambda _: None, generator.read))
            if isinstance(request, Request):
                return task, request
    raise UsageError(
        f"{out} has nothing with the id {record!r} to ask about; expected the id of a passage"
        f"{_such_as(dataset)} or of a cluster."
    )


def _such_as(dataset: Dataset) -> str:
    first = next(iter(dataset.read("passage")), None) if "passage" in dataset else None
    return f", such as {first.passage_id}," if first else ""


def _generators(chosen: Any, use: str | None, values: dict[str, Any]) -> Iterator[Any]:
    """The plan's generators that ask a model, with the settings given; else the default one."""
    from datakit import registry

    asking = [one.plugin for one in chosen.uses["generate"] if one.asks]
    named = [one for one in asking if use in (None, one.plugin_name)]
    for plugin in named:
        known = registry.settings(type(plugin))
        kept = {name: getattr(plugin, name) for name in known}
        own = {name: value for name, value in values.items() if use or name in known}
        yield registry.make("generators", plugin.plugin_name, kept | own)
    if named:
        return
    made = registry.make("generators", use or _FALLBACK, values)
    if made.unit != "calls":
        raise UsageError(f"{use} asks no model: use llm_bottom_up or llm_top_down.")
    yield made
