"""Tasks on disk: the same items in the same order, as often as they are walked."""

from __future__ import annotations

from pathlib import Path

from datakit.llm.exchange import Message, Schema, Task
from datakit.llm.spool import Spool
from datakit.records import Dropped, Passage

SCHEMA = Schema("s.v1", {"type": "object"})


def test_items_come_back_in_order_each_time_and_share_their_schema(tmp_path: Path) -> None:
    about = Passage("d:0-2", "d", "段落", 0, 2, 0)
    items = [
        Task(f"p{n}", (Message("user", f"问题 {n}"),), SCHEMA, "p.v1.zh", "ab", about=about)
        if n % 3
        else Dropped(f"p{n}", "too_short", "two tokens")
        for n in range(10)
    ]

    with Spool(iter(items), tmp_path) as spool:
        begun = iter(spool)
        next(begun)
        walks = [list(spool), list(spool)]

        assert walks == [items, items]
        assert spool.tasks == 6
        assert {id(item.schema) for item in walks[0] if isinstance(item, Task)} == {id(SCHEMA)}
    assert list(tmp_path.iterdir()) == []
