"""What the commands that ask language models share: the estimate, and batch files out and in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datakit.errors import Unfinished, UsageError

if TYPE_CHECKING:
    from datakit.llm.asking import Asking
    from datakit.llm.batch import Imported
    from datakit.llm.calls import Calls


def check_one_of(**given: Any) -> None:
    """Raise where options are given that cannot go together.

    Raises:
        UsageError: names the first two.
    """
    chosen = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if len(chosen) > 1:
        raise UsageError(f"{chosen[0]} and {chosen[1]} cannot go together: give one of them.")


def print_estimates(askings: Sequence[Asking], calls: Calls, as_json: bool) -> None:
    """What the open requests would come to; nothing is sent."""
    from datakit.llm.asking import estimate

    found = [
        estimate(asking, calls.log, calls.price(asking.endpoint), calls.prices.currency)
        for asking in askings
    ]
    if as_json:
        print(json.dumps([one.as_json() for one in found], ensure_ascii=False))
        return
    for one in found:
        print("\n".join(one.lines()))


def export_batch(askings: Sequence[Asking], calls: Calls, folder: Path, as_json: bool) -> None:
    """Write the open requests as batch files, and say what comes next."""
    from datakit.llm import batch
    from datakit.llm.asking import Standing, open_requests

    standings: list[Standing] = []

    def requests() -> Iterator[Any]:
        for asking in askings:
            standings.append(Standing())
            for _, request in open_requests(asking, calls.log, standings[-1]):
                yield request

    made = batch.export(requests(), folder)
    repairs = sum(standing.follow_ups for standing in standings)
    if as_json:
        files = [str(path) for path in made.files]
        print(json.dumps({"files": files, "requests": made.requests, "repairs": repairs}))
        return
    if not made.requests:
        print("Every request has its reply: run the same command without --export-batch.")
        return
    print(f"{made.requests:,} requests, {repairs:,} of them repairs:")
    for path in made.files:
        print(f"  {path}")
    print(
        "Have the provider's batch service answer them, then give its output files to the same "
        "command with --import-batch FILE… instead of --export-batch."
    )


def import_batch(askings: Sequence[Asking], calls: Calls, paths: list[Path], loud: bool) -> None:
    """Read a provider's files into the log.

    Raises:
        Unfinished: something is open afterwards, and it is not to be given up.
    """
    from datakit.llm import batch
    from datakit.llm.asking import Standing, open_requests

    give_up = calls.spending.give_up
    made = batch.import_files(batch.output_files(paths), calls.log, give_up=give_up)
    standing = Standing()
    for asking in askings:
        for _ in open_requests(asking, calls.log, standing):
            pass
    if loud:
        print("\n".join(_import_lines(made, standing)), file=sys.stderr)
    if not standing.is_complete and not give_up:
        raise Unfinished(
            f"{standing.missing + standing.follow_ups:,} requests are open "
            f"({standing.missing:,} missing, {standing.follow_ups:,} to repair); all replies are "
            "kept. Write the open ones with --export-batch DIR, or run without --import-batch to "
            "send them now."
        )


def _import_lines(made: Imported, standing: Any) -> Iterator[str]:
    yield (
        f"imported {made.replies:,}, there already {made.known:,}, failed {made.failed:,}, "
        f"not readable {made.broken:,}; missing {standing.missing:,}, to repair "
        f"{standing.follow_ups:,}, done {standing.done:,} of {standing.tasks:,}"
    )
    for text, n in made.says.most_common(3):
        yield f"  failed {n:,} times: {text}"
    if made.first_broken:
        yield f"  not readable, the first: {made.first_broken}"


def usage_line(usage: dict[str, Any]) -> str:
    """Calls, tokens and money on one line."""
    cost = "price not known" if usage["cost"] is None else f"cost {usage['cost']:,.4f}"
    return (
        f"{usage['calls']:,} calls, {usage['prompt_tokens']:,} tokens in, "
        f"{usage['completion_tokens']:,} out, {cost}"
    )
