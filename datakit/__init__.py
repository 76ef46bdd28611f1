"""datakit: raw documents in, a passage-retrieval dataset that people can trust out.

The records are here; everything else is imported where it is used, so that `import datakit`
loads no model library.
"""

from __future__ import annotations

from datakit.errors import DatakitError
from datakit.records import (
    GRADES,
    LEVELS,
    RELEVANT_FROM,
    SPLITS,
    Block,
    Document,
    Dropped,
    Duplicate,
    Evidence,
    Finding,
    Judgement,
    Measure,
    Negative,
    Passage,
    Qrel,
    Query,
    ScoredPassage,
    Section,
    table_records,
)
from datakit.version import __version__

__all__ = [
    "GRADES",
    "LEVELS",
    "RELEVANT_FROM",
    "SPLITS",
    "Block",
    "DatakitError",
    "Document",
    "Dropped",
    "Duplicate",
    "Evidence",
    "Finding",
    "Judgement",
    "Measure",
    "Negative",
    "Passage",
    "Qrel",
    "Query",
    "ScoredPassage",
    "Section",
    "__version__",
    "table_records",
]
