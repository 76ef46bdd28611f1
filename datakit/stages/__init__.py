"""What each stage computes, as steps for the engine.

    ingest      files -> document                                  a shard per few files
    segment     document -> passage                                a shard per part
    duplicates  passage -> duplicate                               keyed
    generate    passage (or document, passage) -> query/<name>     a shard per part, or global;
                                                                   where a model is asked, global;
                                                                   passages alone are enough
    filter      query/* -> query/candidate                         global
    retrieve    passage, query/candidate -> run/<name>             global
    pool        passage, duplicate, query/candidate, run/* -> pool  global
    mine        …, pool, calibration/*.json -> judgement           global
    filter      …, judgement -> query/filtered                     global; by runs and labels
    split       … -> query, qrel/seed, qrel/mined                  global
    negatives   … -> negative/mined, queue/negatives               global
    mutate      passage, query -> negative/<name>, passage/<name>  global; where a plan asks for it
    check       … -> measure                                       global

A map function is `(payload, sink)`, found by name in any process; the others are closures over
the dataset that is being built.
"""

from __future__ import annotations

from datakit.stages.checking import check_step
from datakit.stages.documents import duplicates_step, ingest_files, ingest_step, segment_step
from datakit.stages.filtering import filter_retrieved_step, filter_step
from datakit.stages.labels import all_judgements, mine_step, resolve
from datakit.stages.negatives import mutate_step, negatives_step
from datakit.stages.queries import asking_of, generate_step, query_tables
from datakit.stages.retrieval import Workbench, pool_step, query_table, retrieve_step
from datakit.stages.shared import identity, spec
from datakit.stages.splitting import split_step
from datakit.stages.titled import documents_of, why_no_topics

__all__ = [
    "Workbench",
    "all_judgements",
    "asking_of",
    "check_step",
    "documents_of",
    "duplicates_step",
    "filter_retrieved_step",
    "filter_step",
    "generate_step",
    "identity",
    "ingest_files",
    "ingest_step",
    "mine_step",
    "mutate_step",
    "negatives_step",
    "pool_step",
    "query_table",
    "query_tables",
    "resolve",
    "retrieve_step",
    "segment_step",
    "spec",
    "split_step",
    "why_no_topics",
]
