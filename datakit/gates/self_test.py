"""G13 self-test: do G1 and G2 move when labels are made worse on purpose?"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from datakit.calibration.sampling import Pair
from datakit.gates.gate import Gate, Need
from datakit.gates.ground import ANCHOR, Ground
from datakit.gates.labels import automatic_positives, positives_under_test, precision, recalled
from datakit.records import seed_for

SEEDS = 10
WRONG, REMOVED = 0.10, 0.20  # shares of the labels
NEAR = 0.03  # how far from what is expected a gate may come out
CHECKED = 50  # labels with a known grade; fewer move by whole steps larger than NEAR
MOVES = Need(">=", 0.90)
TITLE = "self-test"
METRICS = ("seeds in which G1 finds 10 % wrong labels", "seeds in which G2 finds 20 % removed")


def not_asked() -> Iterator[Gate]:
    for metric in METRICS:
        why = "not asked for: datakit verify OUT --self-test"
        yield Gate("G13", TITLE, metric, need=MOVES, reason=why)


def self_test(ground: Ground) -> Iterator[Gate]:
    """G13: 10 % wrong labels planted, 20 % of positives removed, with 10 seeds each."""
    yield _planted(ground)
    yield _removed(ground)


def _planted(ground: Ground) -> Gate:
    positives = automatic_positives(ground)
    truth = dict(ground.judge) | dict(ground.people)
    checked = {pair: truth[pair] for pair in positives if pair in truth}
    wrong = sorted(
        pair for pair, g in truth.items() if g < ground.relevant_from and pair not in positives
    )
    if len(checked) < CHECKED or len(wrong) < round(WRONG * len(checked)):
        why = (
            f"{len(checked)} labels and {len(wrong)} pairs known to be wrong are judged, at least "
            f"{CHECKED} and {round(WRONG * max(CHECKED, len(checked)))} are needed"
        )
        return Gate("G13", TITLE, METRICS[0], n=SEEDS, need=MOVES, reason=why)
    before = precision(positives, checked, ground.relevant_from).value
    after = []
    for number in range(SEEDS):
        rng = random.Random(seed_for(ground.seed, "verify/planted", str(number)))
        worse = planted(positives, checked, wrong, truth, rng)
        after.append(precision(*worse, ground.relevant_from).value)
    return _row(METRICS[0], "G1", before, (1 - WRONG) * before, after)


def planted(
    positives: Mapping[Pair, str],
    checked: Mapping[Pair, int],
    wrong: list[Pair],
    truth: Mapping[Pair, int],
    rng: random.Random,
) -> tuple[dict[Pair, str], dict[Pair, int]]:
    """The labels with one in ten of the checked ones in the place of a pair known to be wrong."""
    n = round(WRONG * len(checked))
    gone = rng.sample(sorted(checked), n)
    labels, grades = dict(positives), dict(checked)
    for old, new in zip(gone, rng.sample(wrong, n), strict=True):
        source = labels.pop(old)
        del grades[old]
        labels[new], grades[new] = source, truth[new]
    return labels, grades


def _removed(ground: Ground) -> Gate:
    by_people = ground.anchor(ground.people)
    people = len(by_people) >= ANCHOR
    truth = ground.people if people else ground.judge
    asked = by_people if people else ground.anchor(ground.judge)
    if people:
        positives = sorted(positives_under_test(ground))
    else:  # what the judge itself labels cannot be tested by it
        positives = sorted(automatic_positives(ground))
    among = [pair for pair in positives if pair[0] in set(asked)]
    if len(asked) < ANCHOR or len(among) < CHECKED:
        why = (
            f"{len(asked)} of {ANCHOR} queries whose pool is judged whole, "
            f"{len(among)} of {CHECKED} labels of theirs"
        )
        return Gate("G13", TITLE, METRICS[1], n=SEEDS, need=MOVES, reason=why)
    before = recalled(ground, truth, set(among), asked)[0].value
    after = []
    for number in range(SEEDS):
        rng = random.Random(seed_for(ground.seed, "verify/removed", str(number)))
        kept = set(rng.sample(among, len(among) - round(REMOVED * len(among))))
        after.append(recalled(ground, truth, kept, asked)[0].value)
    return _row(METRICS[1], "G2", before, (1 - REMOVED) * before, after)


def _row(metric: str, gate: str, before: float, expected: float, after: list[float]) -> Gate:
    moved = sum(abs(one - expected) <= NEAR for one in after)
    share = moved / len(after)
    note = (
        f"{gate} {before:.3f}, expected {expected:.3f}, found {min(after):.3f} to {max(after):.3f}"
    )
    status = "pass" if MOVES.holds(share) else "fail"
    return Gate("G13", TITLE, metric, share, n=len(after), need=MOVES, status=status, reason=note)  # type: ignore[arg-type]
