"""A judge of the plan at work: what is asked about which pairs, and the rows that come of it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from datakit import registry
from datakit.calibration.sampling import Pair
from datakit.dataset import Dataset
from datakit.judging.pairs import looked_up
from datakit.judging.tables import judged
from datakit.llm.asking import Asking, Tally, follow
from datakit.llm.calls import Calls
from datakit.llm.endpoint import EndpointSettings
from datakit.llm.exchange import Outcome, Reading, Task
from datakit.plan import Plan, Use
from datakit.records import Dropped, Judgement

TEMPERATURE = 0.0


@dataclass
class Judging:
    """One judge and the pairs that it is to look at."""

    dataset: Dataset
    use: Use
    endpoint: EndpointSettings
    pairs: Sequence[Pair]
    open: int = 0  # pairs without a reply, after `rows`
    grades: Counter[int | None] = field(default_factory=Counter)  # after `rows`

    @classmethod
    def of(cls, plan: Plan, dataset: Dataset, use: Use, pairs: Sequence[Pair]) -> Judging:
        """The judge's endpoint at temperature 0, where it takes a temperature at all."""
        endpoint = plan.endpoint_of(use)
        if endpoint.temperature is not None:
            endpoint = dataclasses.replace(endpoint, temperature=TEMPERATURE)
        return cls(dataset, use, endpoint, pairs)

    def __post_init__(self) -> None:
        self._known = {
            (one.query_id, one.passage_id, one.assessor_id) for one in judged(self.dataset)
        }
        self._asked = set(self.pairs)

    def asking(self) -> Asking:
        return Asking(f"judge/{self.use.name}", self.endpoint, self.items, self._read)

    def items(self) -> Iterator[Task | Dropped]:
        """Tasks for the pairs that this judge has not judged in these words."""
        drops: list[Dropped] = []

        def there() -> Iterator[Any]:
            for one in looked_up(self.dataset, self.pairs):
                if isinstance(one, Dropped):
                    drops.append(one)
                else:
                    yield one

        for item in self.use.plugin.tasks(there()):
            if isinstance(item, Dropped):
                yield item
                continue
            query, passage = item.about
            assessor = self.use.plugin.assessor(item, self.endpoint.model)
            if (query.query_id, passage.passage_id, assessor) not in self._known:
                yield item
        yield from drops

    def _read(self, task: Task, value: Any, model: str) -> Reading:
        # the plan's name for the model: that of a reply changes with the endpoint's mood
        reading: Reading = self.use.plugin.read(task, value, self.endpoint.model)
        return reading

    def rows(self, calls: Calls, tally: Tally) -> Iterator[Judgement | Dropped]:
        """What the log of replies comes to; a reply that cannot be read gives a null grade."""
        asking = self.asking()
        talk = asking.talk(calls.log, tally.price)
        for item in asking.items():
            if isinstance(item, Dropped):
                yield item
                yield from self._without_grade(item)
                continue
            tally.add_task(item)
            step, replies = follow(item, talk)
            for reply in replies:
                tally.add_reply(reply)
            if not isinstance(step, Outcome):
                self.open += 1
                continue
            tally.states[step.state] += 1
            for record in step.records:
                row = record
                if isinstance(record, Dropped):
                    row = self.use.plugin.unread(item, record, self.endpoint.model)
                self.grades[row.grade] += 1
                yield row

    def _without_grade(self, dropped: Dropped) -> Iterator[Judgement]:
        """The null of a pair that cannot be asked about, once: who waits for it can go on."""
        query_id, _, passage_id = dropped.record_id.partition(" ")
        pair, model = (query_id, passage_id), self.endpoint.model
        there = pair in self._asked and not dropped.reason.startswith("unknown_")
        if there and (*pair, model) not in self._known:
            flags = (dropped.reason,)
            yield Judgement(*pair, None, "judge", assessor_id=model, flags=flags)

    def about(self, tally: Tally) -> dict[str, Any]:
        """What the manifest says of a run."""
        plugin = self.use.plugin
        settings = {name: getattr(plugin, name) for name in registry.settings(type(plugin))}
        identity = registry.identity(plugin) | {
            "model": plugin.fingerprint(),
            "endpoint": self.endpoint.identity(),
        }
        return {
            "plugin": plugin.plugin_name,
            "settings": settings,
            "identity": identity,
            "notes": {"llm": tally.as_json()},
        }
