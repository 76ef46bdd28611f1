"""Rules that a query must pass before it is used.

| rule | reasons and flags | train | eval |
| --- | --- | --- | --- |
| F1 reply fits the schema | counted where replies are read | drop | drop |
| fragments | `no_words`, `only_stop_words`, `unbalanced`, `url`, `email`, … | drop | drop |
| F2 language and script | `wrong_language` | drop | drop |
| F3 length in words | `too_short`, `too_long` | drop | drop |
| F4 wording copied from the seed | `lexical_leak`; flag `lexical_copy` (extractive) | drop | drop |
| F5 does not stand alone | `not_standalone` | drop | drop |
| F6 answerable | flag `unverified`; seed judged below 2: `seed_not_relevant` | drop | drop |
| F7 relevant clusters in the pool | `few_relevant`, `many_relevant` | flag | drop |
| F8 equal or a paraphrase | `duplicate_query`, `paraphrase` | merge | merge |
| F11 every retriever answers it first | flag `easy` | weight | subset |
| F9 cross-encoder score | `low_ce_score` | drop from the train split, else flag | flag |
| F10 round trip to the seed | `no_round_trip` | drop from the train split, else flag | flag |

`chain` has those that need a query and its seeds, `retrieved` F7, F9 to F11 and the judges' part
of F6, which need runs and labels; F9 and F10 come after the split. In scripts without spaces two
characters count as one word. A rule is a function from a query, its seed passages and the settings
to what is wrong.
"""

from datakit.filters.chain import RULES, check, filter_queries
from datakit.filters.duplicates import merge_duplicates
from datakit.filters.retrieved import (
    Run,
    filter_retrieved,
    filter_split,
    read_run,
    seeds_and_copies,
)
from datakit.filters.settings import FilterSettings, Wrong, code_digest
from datakit.filters.tally import Tally
from datakit.filters.wording import lexical_leak
from datakit.filters.words import content_words, count_words, shared_run

__all__ = [
    "RULES",
    "FilterSettings",
    "Run",
    "Tally",
    "Wrong",
    "check",
    "code_digest",
    "content_words",
    "count_words",
    "filter_queries",
    "filter_retrieved",
    "filter_split",
    "lexical_leak",
    "merge_duplicates",
    "read_run",
    "seeds_and_copies",
    "shared_run",
]
