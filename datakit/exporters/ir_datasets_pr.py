"""ir_datasets-pr: the files of a pull request that makes a dataset part of ir_datasets itself."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import keyword
import os
import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datakit.dataset import Dataset
from datakit.errors import ExportMismatch, UsageError
from datakit.exporters import _irds_rows as rows
from datakit.exporters._irds_contribution import DEFINITION, HELD, README, TEST, YAML
from datakit.exporters._view import Title, View, corpus_language, one_language
from datakit.exporters._write import Cells, Draft, Tally, compare, export, json_line, write_qrels
from datakit.exporters.ir_datasets import IrDatasets, docs, topics
from datakit.registry import plugin

_NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LINE = 96  # of YAML text


@plugin("exporters", "ir_datasets_pr")
@dataclass(frozen=True)
class IrDatasetsPr:
    """Definition, documentation, downloads with MD5, metadata and test, as ir_datasets has them.

    The data files are in `data/`, to be put where `url` says; without one, ir_datasets asks its
    users to fetch them by hand. Passages, queries and labels of each split are contributed; runs
    and pairs are not.
    """

    name: str = ""  # in ir_datasets: small letters, digits and hyphens; the dataset's own if empty
    url: str = ""  # of the folder in which the data files will be
    labels: str = "mined"  # the label table qrel/<labels>
    title: Title = "keep"  # fold: title, a blank and the text are the text; header: Passage.header
    lowest_grade: int = 0  # labels below it are left out: 2 leaves what is relevant on our scale

    def __call__(self, dataset: Dataset, out: Path) -> list[Path]:
        return export(self, dataset, out)

    def losses(self, view: View) -> list[str]:
        return [*IrDatasets().losses(view), "runs and negatives"]

    def write(self, view: View, draft: Draft) -> None:
        facts = _Facts(self._named(view), view)
        draft.start("data/docs.jsonl")
        for doc in docs(view, self.title):
            draft.add("data/docs.jsonl", json_line(doc._asdict()), doc)
            facts.add("docs", doc)
        for topic in topics(view):
            split = view.split_of(topic.query_id)
            draft.add(f"data/queries.{split}.jsonl", json_line(topic._asdict()), topic)
            facts.add(f"queries/{split}", topic)
        write_qrels(view, draft, "data/qrels.{split}.txt")
        for qrel in view.labels():
            cells = (qrel.query_id, qrel.passage_id, qrel.grade, qrel.source)
            facts.add(f"qrels/{view.split_of(qrel.query_id)}", cells)
        draft.close()
        files = {name: _file(draft.folder / name) for name in sorted(draft.tallies)}
        self._write_code(facts, files, draft)

    def _named(self, view: View) -> str:
        name = self.name or str(view.dataset.manifest["dataset_id"])
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            raise UsageError(
                f"{name!r} cannot be a name in ir_datasets: give --set name= with small letters, "
                "digits and hyphens."
            )
        return name

    def _write_code(self, facts: _Facts, files: dict[str, dict[str, Any]], draft: Draft) -> None:
        name, module = facts.name, facts.name.replace("-", "_")
        downloads = {}
        for path, about in files.items():
            file = path.removeprefix("data/")
            where: dict[str, Any] = {
                "instructions": f"Fetch {file} of {name} and put it at {{path}}"
            }
            if self.url:
                where = {"url": f"{self.url.rstrip('/')}/{file}"}
            downloads[_key(file)] = where | about | {"cache_path": file}
        held = {
            "name": name, "module": module, "class": "".join(map(str.title, name.split("-"))),
            "grades": _python(facts.grades), "splits": _python(facts.splits),
            "languages": _python(facts.languages), "language": repr(facts.language),
        }  # fmt: skip
        base = f"ir_datasets/datasets/{module}.py"
        draft.raw(base, _filled(DEFINITION, held))
        draft.raw(f"ir_datasets/docs/{name}.yaml", facts.yaml())
        for kind, values in (("downloads", {name: downloads}), ("metadata", facts.metadata())):
            text = json.dumps(values, indent=2, ensure_ascii=False)
            draft.raw(f"ir_datasets/etc/{kind}.{name}.json", text + "\n")
        draft.raw(f"test/integration/{module}.py", _filled(TEST, held | {"tests": facts.tests()}))
        draft.raw("README.md", _filled(README, held))

    def read(self, name: str, path: Path) -> Iterator[Cells]:
        kind = name.removeprefix("data/").partition(".")[0]
        own = {"docs": "docs.jsonl", "queries": "queries/", "qrels": "qrels/"}
        return IrDatasets().read(own.get(kind, name), path)

    def read_with_others(self, draft: Draft) -> str | None:
        """The definition itself is run by ir_datasets, on the data files."""
        if not importlib.util.find_spec("ir_datasets"):
            return None
        import ir_datasets

        _run_definition(draft, ir_datasets)
        return f"ir_datasets {ir_datasets.__version__}, by the definition"


@dataclass
class _Facts:
    """What documentation, metadata and test say, gathered while rows are written."""

    name: str
    view: View
    counts: Counter[str] = field(default_factory=Counter)  # by kind and split
    first: dict[str, Cells] = field(default_factory=dict)
    last: dict[str, Cells] = field(default_factory=dict)
    grades_of: dict[str, Counter[int]] = field(default_factory=dict)
    longest: int = 0

    def add(self, kind: str, cells: Cells) -> None:
        self.first.setdefault(kind, tuple(cells))
        self.last[kind] = tuple(cells)
        self.counts[kind] += 1
        if kind == "docs":
            self.longest = max(self.longest, len(str(cells[0])))
        elif kind.startswith("qrels/"):
            self.grades_of.setdefault(kind, Counter())[int(str(cells[2]))] += 1

    @property
    def splits(self) -> list[str]:
        return self.view.splits

    @property
    def grades(self) -> dict[int, str]:
        scale = self.view.dataset.manifest["label_scale"]["grades"]
        return {int(grade): text for grade, text in sorted(scale.items())}

    @property
    def language(self) -> str | None:
        return corpus_language(self.view.dataset)

    @property
    def languages(self) -> dict[str, str | None]:
        queries = self.view.queries.values()
        return {
            split: one_language(q.language for q in queries if q.split == split)
            for split in self.splits
        }

    def yaml(self) -> str:
        said = "".join(f"  <li>{_escaped(note)}</li>\n" for note in rows.notes(self.view))
        about = "Passages with queries and graded labels, made with datakit."
        about = f"<p>\n{about}\n</p>\n<ul>\n{said}</ul>"
        pretty = f"  pretty_name: '{self.name}'\n"
        parts = [_filled(YAML, {"key": "_", "pretty": pretty, "desc": about})]
        for split in self.splits:
            n, labels = self.counts[f"queries/{split}"], self.counts[f"qrels/{split}"]
            text = f"<p>\nThe {split} split: {n:,} queries, {labels:,} labels.\n</p>"
            parts.append(_filled(YAML, {"key": split, "pretty": "", "desc": text}))
        return "\n".join(parts)

    def metadata(self) -> dict[str, Any]:
        fields = {"doc_id": {"max_len": self.longest, "common_prefix": ""}}
        found: dict[str, Any] = {
            self.name: {"docs": {"count": self.counts["docs"], "fields": fields}}
        }
        for split in self.splits:
            grades = self.grades_of.get(f"qrels/{split}", Counter())
            by_value = {str(grade): n for grade, n in sorted(grades.items())}
            found[f"{self.name}/{split}"] = {
                "docs": {"_ref": self.name},
                "queries": {"count": self.counts[f"queries/{split}"]},
                "qrels": {
                    "count": self.counts[f"qrels/{split}"],
                    "fields": {"relevance": {"counts_by_value": by_value}},
                },
            }
        return found

    def tests(self) -> str:
        """The bodies of the test's methods, one a kind."""
        of = {"docs": "Doc", "queries": "Query", "qrels": "TrecQrel"}
        methods = []
        for kind, record in of.items():
            lines = [f"    def test_{kind}(self):"]
            for key in (k for k in self.counts if k.partition("/")[0] == kind):
                split = key.partition("/")[2]
                name = f"{self.name}/{split}" if split else self.name
                n = self.counts[key]
                rows_ = {0: self.first[key], n - 1: self.last[key]}
                items = ", ".join(f"{at}: {record}{cells!r}" for at, cells in rows_.items())
                lines.append(f"        self._test_{kind}({name!r}, count={n}, items={{{items}}})")
            methods.append("\n".join(lines))
        return "\n\n".join(methods)


def _run_definition(draft: Draft, library: Any) -> None:
    """Run the definition on the data files, and compare what it gives."""
    (code,) = (draft.folder / "ir_datasets/datasets").glob("*.py")
    (entry,) = (draft.folder / "ir_datasets/etc").glob("downloads.*.json")
    downloads = json.loads(entry.read_text("utf-8"))
    (name,) = downloads
    known, config = set(library.registry), library.util.DownloadConfig.contents()
    before = os.environ.get("IR_DATASETS_HOME")
    home = draft.folder / HELD
    home.mkdir()
    (home / name).symlink_to(draft.folder / "data")
    was = config.get(name)
    try:
        if name in known:
            raise UsageError(f"ir_datasets has {name!r} already: give another --set name=.")
        os.environ["IR_DATASETS_HOME"] = str(home)
        config[name] = downloads[name]
        spec = importlib.util.spec_from_file_location(f"datakit_contribution_{code.stem}", code)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        _compare(draft, library, name)
    except (KeyError, AttributeError, SyntaxError, TypeError) as error:
        raise ExportMismatch(f"{code.name} does not run in ir_datasets: {error!r}") from error
    finally:
        for one in set(library.registry) - known:
            del library.registry._registered[one]
        config.pop(name, None)
        if was is not None:
            config[name] = was
        os.environ.pop("IR_DATASETS_HOME", None)
        if before is not None:
            os.environ["IR_DATASETS_HOME"] = before
        (home / name).unlink()
        home.rmdir()


def _compare(draft: Draft, library: Any, name: str) -> None:
    for file, meant in draft.tallies.items():
        kind, split, *_ = file.removeprefix("data/").split(".")
        if kind == "docs":
            found = Tally.of(map(tuple, library.load(name).docs_iter()))
        elif kind == "queries":
            found = Tally.of(map(tuple, library.load(f"{name}/{split}").queries_iter()))
        elif kind == "qrels":
            labels = library.load(f"{name}/{split}").qrels_iter()
            found = Tally.of((q.query_id, q.iteration, q.doc_id, q.relevance) for q in labels)
        else:
            continue
        compare(file, meant, found, "ir_datasets by the definition")


# --- small ----------------------------------------------------------------------------------


def _file(path: Path) -> dict[str, Any]:
    """Size and MD5 as downloads.json has them."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return {"size_hint": path.stat().st_size, "expected_md5": digest.hexdigest()}


def _key(file: str) -> str:
    """`queries.test.jsonl` -> `queries/test`"""
    return "/".join(file.split(".")[:-1])


def _python(value: Any) -> str:
    """A dictionary or a list, an item a line."""
    if isinstance(value, dict):
        return "{\n" + "".join(f"    {k!r}: {v!r},\n" for k, v in value.items()) + "}"
    return repr(value)


def _escaped(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "''")
    return textwrap.fill(safe, _LINE, subsequent_indent="  ", break_long_words=False)


def _filled(template: str, values: dict[str, str]) -> str:
    """`@name@` replaced: the templates are full of braces."""
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], template)
