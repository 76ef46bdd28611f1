from __future__ import annotations

import pytest

from datakit.errors import UnknownName
from datakit.resources import folder, record_schema, schema
from datakit.tables import RECORD_OF


@pytest.mark.parametrize("table", sorted(RECORD_OF))
def test_the_schema_file_says_what_the_record_class_says(table: str) -> None:
    assert schema(f"{table}.v1") == record_schema(table)


def test_prompts_travel_with_the_package() -> None:
    assert (folder("prompts") / "README.md").is_file()


def test_an_unknown_schema_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'passage\.v1'"):
        schema("pasage.v1")
