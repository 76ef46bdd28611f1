"""The repairs by check: from the facts of a dataset to the changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from datakit.auditing.facts import Facts
from datakit.auditing.labels import mask_of
from datakit.fixing.repair import Repair, TextEdit
from datakit.records import Qrel, safe_id

if TYPE_CHECKING:
    import numpy as np

Plan = Callable[[Facts], Repair]
REPAIRS: dict[str, Plan] = {}


def repairs(check_id: str) -> Callable[[Plan], Plan]:
    """Decorator: the function plans the repair of a check's findings."""

    def keep(function: Plan) -> Plan:
        REPAIRS[check_id] = function
        return function

    return keep


@repairs("DK003")
def repeated_ids(facts: Facts) -> Repair:
    """Of rows with one id the first stays."""
    found = Repair()
    for table, ids in (("passage", facts.passages.ids), ("query", facts.queries.ids)):
        found.repeated_rows[table] = _again(ids)
    if "document" in facts.dataset:
        ids = facts.dataset.arrow("document", ["doc_id"])["doc_id"]
        found.repeated_rows["document"] = _again(ids)
    return found


def _again(ids: Any) -> set[str]:
    import pyarrow.compute as pc

    counts = pc.value_counts(ids)
    return set(counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist())


# of two labels of a pair the word of the surer source stays
_RANK = {"human": 0, "judge": 1, "direct": 2, "indirect-query": 3, "indirect-passage": 3}


@repairs("DK005")
def repeated_pairs(facts: Facts) -> Repair:
    """Equal labels become one; of a conflict in train the surest source stays, the last of it.

    A conflict in test is left: no repair changes a test grade.
    """
    from datakit.audits.dk005_repeated_pairs import repeated

    found, labels = Repair(), facts.labels
    again, conflict = repeated(labels)
    train = mask_of(labels, facts.in_part("train"))
    rows_of: dict[tuple[str, str], list[int]] = {}
    pairs = {tuple(p.split(" ")) for p in labels.pair(again.nonzero()[0])}
    ids = zip(labels.query_ids.to_pylist(), labels.passage_ids.to_pylist(), strict=True)
    for row, pair in enumerate(ids):
        if pair in pairs:
            rows_of.setdefault(pair, []).append(row)
    sources = labels.source.to_pylist()
    for pair, rows in rows_of.items():
        if conflict[rows[0]] and not train[rows[0]]:
            found.left.append(f"{' '.join(pair)}: grades of a test query differ")
            continue
        best = min(range(len(rows)), key=lambda k: (_RANK.get(sources[rows[k]], 4), -k))
        found.labels[pair] = best
    return found


@repairs("DK006")
def no_positive(facts: Facts) -> Repair:
    """Queries without a positive go, with their labels."""
    import numpy as np

    labels = facts.labels
    if not len(labels):
        return Repair(left=["the dataset has no labels"])
    has = np.zeros(len(facts.queries), bool)
    has[labels.query[labels.positive]] = True
    return Repair(queries=dict.fromkeys(facts.queries.names(np.flatnonzero(~has))))


@repairs("DK007")
def unsafe_ids(facts: Facts) -> Repair:
    """Ids that some format cannot hold become `x` and 20 digits of their SHA-256."""
    found = Repair(
        renamed_passages=_unsafe(facts.passages.ids), renamed_queries=_unsafe(facts.queries.ids)
    )
    grades = {int(g) for g in facts.dataset.manifest["label_scale"]["grades"]}
    off = [g for g in set(facts.labels.grade.tolist()) if g not in grades]
    if off:
        found.left.append(f"grades {sorted(off)} are not on the scale: mend them in the source")
    return found


def _unsafe(ids: Any) -> dict[str, str]:
    return {name: safe_id(name) for name in ids.to_pylist() if safe_id(name) != name}


@repairs("DK010")
def encoding(facts: Facts) -> Repair:
    """Mojibake is read again, radicals become characters, zero-width and control ones go."""
    from datakit.auditing.encoding import edits
    from datakit.auditing.texts import batches

    found = Repair()
    whole = "document" in facts.dataset
    tables = [("query", "query_id", found.query_edits)]
    if whole:
        tables.append(("document", "doc_id", found.document_edits))
    else:
        tables.append(("passage", "passage_id", found.passage_edits))
    for table, column, into in tables:
        for batch in batches(facts.dataset, table, [column, "text"]):
            for name, text in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                spans = edits(text)
                if spans:
                    into[name] = TextEdit(spans)
    lost = {slug: rows for slug, rows in facts.passages.broken.items() if slug in _LOST}
    found.left += [f"{len(r):,} passages with {s.replace('_', ' ')}" for s, r in lost.items()]
    return found


_LOST = ("replacement_character", "private_use", "simplified_and_traditional")


@repairs("DK101")
def exact_duplicates(facts: Facts) -> Repair:
    """Of equal texts the first stays; labels are led to it."""
    from datakit.auditing.copies import first_of

    return Repair(passages=_stand_ins(facts, first_of(facts.passages.keys)))


@repairs("DK102")
def near_duplicates(facts: Facts) -> Repair:
    """Of nearly equal texts the first stays; labels are led to it.

    A text that differs from the first in a name is left: it says the same of somebody else.
    """
    from datakit.fixing.names import differ_in_a_name

    merged = _stand_ins(facts, facts.copies.near)
    texts = facts.texts_of("passage", {*merged, *merged.values()})
    named = [a for a, b in merged.items() if differ_in_a_name(texts[a], texts[b or a])]
    found = Repair(passages={a: b for a, b in merged.items() if a not in set(named)})
    if named:
        found.left.append(
            f"{len(named):,} near copies that may differ in a name: {', '.join(named[:3])}"
            f"{' …' if len(named) > 3 else ''}; `datakit show` prints them"
        )
    return found


def _stand_ins(facts: Facts, head: np.ndarray) -> dict[str, str | None]:
    import numpy as np

    # of a cluster its first row, whatever the head that the search for copies has named
    first = np.full(len(head), len(head))
    np.minimum.at(first, head, np.arange(len(head)))
    stays = first[head]
    gone = np.flatnonzero(stays != np.arange(len(head)))
    names, others = facts.passages.names(gone), facts.passages.names(stays[gone])
    return dict(zip(names, others, strict=True))


@repairs("DK103")
def unequal_labels(facts: Facts) -> Repair:
    """Unjudged copies of a positive, of the same issuer, get its label, of source `duplicate`."""
    import numpy as np

    from datakit.audits.dk103_unequal_labels import copies_of_issuer, with_unjudged_copy

    found, labels, head = Repair(), facts.labels, copies_of_issuer(facts)
    rows = np.flatnonzero(labels.positive & with_unjudged_copy(facts))
    members: dict[int, list[int]] = {}
    wanted = np.flatnonzero(np.isin(head, head[labels.passage[rows]]))
    for row in wanted.tolist():
        members.setdefault(int(head[row]), []).append(row)
    whole = labels.whole
    judged = set(zip(labels.query[whole].tolist(), labels.passage[whole].tolist(), strict=True))
    splits = facts.query_columns["split"].to_pylist()
    levels = facts.query_columns["level"].to_pylist()
    # the highest grade of a cluster is what its copies inherit
    for row in sorted(rows.tolist(), key=lambda r: -labels.grade[r]):
        q = int(labels.query[row])
        for p in members[int(head[labels.passage[row]])]:
            if (q, p) not in judged:
                judged.add((q, p))
                found.new_labels.append(
                    Qrel(
                        labels.query_ids[row].as_py(),
                        facts.passages.ids[p].as_py(),
                        int(labels.grade[row]),
                        "duplicate",
                        levels[q],
                        splits[q],
                    )
                )
    return found


@repairs("DK104")
def repeated_queries(facts: Facts) -> Repair:
    """Equal queries of a part become one, with the positives of all."""
    import numpy as np

    from datakit.auditing.copies import first_of

    found = Repair()
    for _, inside in facts.parts():
        rows = np.flatnonzero(inside)
        first = rows[first_of(facts.queries.keys[rows])]
        again = first != rows
        gone, stay = facts.queries.names(rows[again]), facts.queries.names(first[again])
        found.queries.update(zip(gone, stay, strict=True))
    return found


@repairs("DK201")
def query_in_train(facts: Facts) -> Repair:
    """Train queries that test has too go from train."""
    import numpy as np

    keys, train, test = facts.queries.keys, facts.in_part("train"), facts.in_part("test")
    rows = np.flatnonzero(train & np.isin(keys, keys[test]))
    return Repair(queries=dict.fromkeys(facts.queries.names(rows)))


@repairs("DK202")
def paraphrase_in_train(facts: Facts) -> Repair:
    """Train queries that nearly are test queries go from train."""
    import numpy as np

    from datakit.audits.dk202_paraphrase_in_train import ParaphraseInTrain

    train, test = (np.flatnonzero(facts.in_part(p)) for p in ("train", "test"))
    if not len(train) or not len(test):
        return Repair(left=["the dataset has no train and test parts"])
    return Repair(queries=dict.fromkeys(ParaphraseInTrain().near(facts, test, train)))


@repairs("DK203")
def shared_positive(facts: Facts) -> Repair:
    """Train queries with a positive that test has, or has another version of, go from train."""
    from datakit.audits.dk203_shared_positive import families, other_versions, sharing

    train, test = facts.in_part("train"), facts.in_part("test")
    rows = set(sharing(facts, test, train, facts.labels.passage).tolist())
    of = families(facts)
    if of is not None:
        rows |= set(other_versions(facts, test, train, of).tolist())
    return Repair(queries=dict.fromkeys(facts.queries.names(sorted(rows))))


@repairs("DK304")
def risky_negatives(facts: Facts) -> Repair:
    """Negatives near to a positive's score go."""
    from datakit.audits.dk304_risky_negatives import RiskyNegatives

    pairs = {
        (q, p) for r in RiskyNegatives()(facts) for q, p in (name.split(" ") for name in r.records)
    }
    return Repair(negatives=pairs)


@repairs("DK511")
def prompt_leakage(facts: Facts) -> Repair:
    """Queries with the words of a prompt or of a model go."""
    from datakit.audits.dk511_prompt_leakage import PromptLeakage

    names = {name for r in PromptLeakage()(facts) for name in r.records}
    return Repair(queries=dict.fromkeys(sorted(names)))
