"""Groups of options: a dataclass whose fields are options, as one parameter of a command.

A command that takes `calls: CallOptions` has every field of `CallOptions` as an option of its own;
`@grouped` spells them out for typer, in the place of the parameter, and gives the command one
object.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer

from datakit.commands import calling
from datakit.commands.options import (
    BottomOption,
    DropFailedOption,
    EndpointOption,
    ExportBatchOption,
    FitOption,
    ImportBatchOption,
    JsonOption,
    MaxCallsOption,
    MaxCostOption,
    MissedOption,
    OutsideOption,
    PlanOption,
    PrecisionOption,
    PricesOption,
    QuietOption,
    SetOption,
    StepOption,
    TopOption,
    UseOption,
    settings_of,
)
from datakit.errors import UsageError

if TYPE_CHECKING:
    from datakit.dataset import Dataset
    from datakit.judging.certifying import Samples
    from datakit.llm.calls import Spending
    from datakit.plan import Plan


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer reads it: each group of options is spelt out in its place."""
    signature = inspect.signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation
        for name, one in signature.parameters.items()
        if is_dataclass(one.annotation)
    }

    @functools.wraps(command)
    def spelt_out(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        command(**given)

    parameters = [
        option for one in signature.parameters.values() for option in _options(one, groups)
    ]
    del spelt_out.__wrapped__  # or its signature would be read instead
    spelt_out.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    spelt_out.__annotations__ = {one.name: one.annotation for one in parameters}
    return spelt_out


def _options(parameter: inspect.Parameter, groups: dict[str, Any]) -> Iterator[inspect.Parameter]:
    if parameter.name not in groups:
        yield parameter
        return
    group = groups[parameter.name]
    hints = get_type_hints(group, include_extras=True)
    for one in fields(group):
        yield inspect.Parameter(
            one.name, parameter.kind, default=one.default, annotation=hints[one.name]
        )


# --- the groups ---------------------------------------------------------------------------


@dataclass(frozen=True)
class PlanOptions:
    """Which plan, and what is changed of the plugin at work."""

    plan: PlanOption = None
    use: UseOption = None
    values: SetOption = None

    def loaded(self, dataset: Dataset) -> Plan:
        """The plan as named, or that of the dataset."""
        from datakit import pipeline
        from datakit import plan as plans

        return plans.load(self.plan) if self.plan else pipeline.plan_of(dataset)

    def changed(self, plan: Plan, stage: str) -> Plan:
        """A plan with the plugin of a stage as it was asked for."""
        from datakit import plan as plans

        if not self.use and not self.values:
            return plan
        return plans.with_plugin(plan, stage, self.use, settings_of(self.values))


@dataclass(frozen=True)
class CallOptions:
    """The endpoint that is asked, what it may cost, and batch files in its place."""

    endpoint: EndpointOption = None
    max_calls: MaxCallsOption = None
    max_cost: MaxCostOption = None
    prices: PricesOption = None
    export_batch: ExportBatchOption = None
    import_batch: ImportBatchOption = None
    drop_failed: DropFailedOption = False

    def check(self, context: typer.Context, **others: Any) -> None:
        """Raise on options that cannot go together, and on arguments that are no batch files.

        Raises:
            UsageError: names them.
        """
        calling.check_one_of(
            export_batch=self.export_batch, import_batch=self.import_batch, **others
        )
        if context.args and not self.import_batch:
            command = context.info_name
            raise UsageError(f"{command} takes one dataset directory; what is {context.args[0]!r}?")

    def files(self, context: typer.Context) -> list[Path]:
        """The provider's files; a shell puts all but the first behind the options."""
        return [*(self.import_batch or []), *map(Path, context.args)]

    def with_endpoint(self, plan: Plan) -> Plan:
        """The plan with the endpoint as it was asked for."""
        from datakit import plan as plans

        if not self.endpoint:
            return plan
        return plans.with_endpoint(plan, settings_of(self.endpoint, "--endpoint"))

    def spending(self) -> Spending:
        """What the calls of this run may come to."""
        from datakit.llm.calls import Spending
        from datakit.llm.endpoint import Limits

        limits = Limits(self.max_calls, self.max_cost)
        return Spending(limits, self.import_batch is None, self.drop_failed, self.prices)


@dataclass(frozen=True)
class SampleOptions:
    """How much is judged for a calibration, and what is to be shown."""

    precision: PrecisionOption = 0.90
    missed: MissedOption = 0.05
    fit: FitOption = 400
    step: StepOption = 208
    outside: OutsideOption = 200
    top: TopOption = 0.005
    bottom: BottomOption = 0.20

    def samples(self, dataset: Dataset, **more: int) -> Samples:
        """The same, drawn by the dataset's seed."""
        from datakit.judging.certifying import Samples

        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return Samples(**given, **more, seed=int(dataset.manifest.get("seed", 13)))


@dataclass(frozen=True)
class ShownOptions:
    """How a command says what it did."""

    quiet: QuietOption = False
    as_json: JsonOption = False

    @property
    def loud(self) -> bool:
        """Whether text is printed."""
        return not self.quiet and not self.as_json
