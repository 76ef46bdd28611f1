"""Templates of a contribution to ir_datasets; `@name@` is filled in."""

HELD = "home.unfinished"  # ir_datasets' home while the definition is tried

DEFINITION = '''\
from typing import NamedTuple

import ir_datasets
from ir_datasets.datasets.base import Dataset, YamlDocumentation
from ir_datasets.formats import JsonlDocs, JsonlQueries, TrecQrels
from ir_datasets.util import DownloadConfig

NAME = '@name@'

QREL_DEFS = @grades@

SPLITS = @splits@

QUERY_LANGUAGES = @languages@


class @class@Doc(NamedTuple):
    doc_id: str
    title: str
    text: str
    source_doc_id: str

    def default_text(self):
        """
        title, unless the text starts with it, and text
        """
        if not self.title or self.text.startswith(self.title):
            return self.text
        return f'{self.title} {self.text}'


class @class@Query(NamedTuple):
    query_id: str
    text: str
    level: str
    form: str

    def default_text(self):
        """
        text
        """
        return self.text


def _init():
    base_path = ir_datasets.util.home_path()/NAME
    dlc = DownloadConfig.context(NAME, base_path)
    documentation = YamlDocumentation(f'docs/{NAME}.yaml')
    subsets = {}

    docs = JsonlDocs(dlc['docs'], doc_cls=@class@Doc, namespace=NAME, lang=@language@,
                     count_hint=ir_datasets.util.count_hint(NAME))
    base = Dataset(docs, documentation('_'))

    for split in SPLITS:
        subsets[split] = Dataset(
            docs,
            JsonlQueries(dlc[f'queries/{split}'], query_cls=@class@Query,
                         lang=QUERY_LANGUAGES[split]),
            TrecQrels(dlc[f'qrels/{split}'], QREL_DEFS),
            documentation(split),
        )

    ir_datasets.registry.register(NAME, base)
    for s in sorted(subsets):
        ir_datasets.registry.register(f'{NAME}/{s}', subsets[s])

    return base, subsets


base, subsets = _init()
'''

TEST = """\
import unittest

from ir_datasets.datasets.@module@ import @class@Doc as Doc
from ir_datasets.datasets.@module@ import @class@Query as Query
from ir_datasets.formats import TrecQrel

from .base import DatasetIntegrationTest


class Test@class@(DatasetIntegrationTest):
@tests@


if __name__ == '__main__':
    unittest.main()
"""

YAML = """\
@key@:
@pretty@  desc: '
@desc@
'
"""

README = """\
# @name@ for ir_datasets

1. Put the files of `data/` where `ir_datasets/etc/downloads.@name@.json` says, under a licence
   that lets others fetch them.
2. In a checkout of ir_datasets, copy `ir_datasets/datasets/@module@.py`,
   `ir_datasets/docs/@name@.yaml` and `test/integration/@module@.py` to the same places.
3. Add the entries of `downloads.@name@.json` and `metadata.@name@.json` to
   `ir_datasets/etc/downloads.json` and `metadata.json`, and
   `from . import @module@` to `ir_datasets/datasets/__init__.py`.
4. Run `python -m unittest test.integration.@module@`.
"""
