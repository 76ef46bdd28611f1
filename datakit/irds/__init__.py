"""Datasets of ours through ir_datasets' own API.

    import datakit.irds                          # what `datakit register` keeps is known now
    ir_datasets.load("datakit/terms/test").qrels_iter()

    name = datakit.irds.register("out")          # this process only: a dataset, or an export of it

`datakit/<name>` has docs. `datakit/<name>/<split>` has docs, queries, qrels and, where there are
any, docpairs and the scoreddocs of the first run; `datakit/<name>/<split>/<run>` has those of each
run. Before the split may stand a level, `direct` (only labels of the passages that queries were
written from), or both: `datakit/<name>/sentence/direct/test`.

No file is written until a document is looked up by its id; ir_datasets then keeps a docstore in
its home, under the digest of the passages. Such a store is pickle: take none from strangers.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import NamedTuple

from datakit import registered
from datakit.errors import DatakitError, UsageError
from datakit.exporters.ir_datasets import DEFINITION as DEFINITION
from datakit.irds import handlers
from datakit.irds.contents import Contents, contents


class NotRegistered(UserWarning):
    """A name that `datakit register` keeps and that cannot be read any more."""


class _Known(NamedTuple):
    path: Path
    digest: str


_known: dict[str, _Known] = {}


def register(path: str | Path, name: str | None = None) -> str:
    """Make a dataset known to ir_datasets in this process, under `datakit/<name>`.

    Args:
        path: a dataset directory, or the folder of `datakit export --to ir_datasets`.
        name: instead of the dataset's own; letters, digits and `-_.`.

    Returns:
        The id of the whole, `datakit/<name>`; a split is `datakit/<name>/test`.

    Raises:
        UsageError: the name is taken by another folder or other content, or cannot be a name.
        DatasetError: there is no dataset and no export at `path`.
        MissingDependency: ir_datasets is not installed.
    """
    found = contents(Path(path).absolute())
    name = registered.check_name(name or found.name)
    top = f"datakit/{name}"
    known = _known.setdefault(top, _Known(found.path, found.digest))
    if known != (found.path, found.digest):
        raise UsageError(
            f"{top} is taken by {known.path}, which is another folder or had other content: "
            f"give name= to register {found.path} as well."
        )
    if top not in handlers.library().registry:
        _register(top, found)
    return top


def register_all() -> dict[str, str]:
    """Make all names that `datakit register` keeps known to ir_datasets.

    Returns:
        By name, why a dataset could not be: its folder is gone, say.
    """
    failed = {}
    for name, path in registered.names().items():
        try:
            register(path, name)
        except DatakitError as error:
            failed[name] = str(error)
    return failed


def keep(path: str | Path, name: str | None = None) -> list[str]:
    """Register a dataset for this and every later process, after a look at its labels.

    Returns:
        The ids that ir_datasets knows from now on.

    Raises:
        UsageError: the name cannot be one, or is of another folder.
        DatasetError: no dataset there, or labels of what it does not hold.
    """
    found = contents(Path(path).absolute())
    found.check()
    name = registered.check_name(name or found.name)
    registered.add(name, found.path)
    return [f"datakit/{name}", *(f"datakit/{name}/{subset.name}" for subset in found.subsets)]


def _register(top: str, found: Contents) -> None:
    library = handlers.library()
    dataset, add = library.datasets.base.Dataset, library.registry.register
    # the same docs object everywhere: ir_datasets finds a split's parent by comparing them
    docs = handlers.on_base(handlers.Docs, "BaseDocs")(found, top)
    add(top, dataset(docs, handlers.Documentation(found, top)))
    for subset in found.subsets:
        name = f"{top}/{subset.name}"
        own = [
            handlers.on_base(handlers.Queries, "BaseQueries")(found, subset),
            handlers.on_base(handlers.Qrels, "BaseQrels")(found, subset),
            handlers.Documentation(found, name),
        ]
        if found.has_docpairs(subset):
            own.append(handlers.on_base(handlers.DocPairs, "BaseDocPairs")(found, subset))
        runs = {
            run: handlers.on_base(handlers.ScoredDocs, "BaseScoredDocs")(found, subset, run)
            for run in found.runs
        }
        add(name, dataset(docs, *own, *list(runs.values())[:1]))
        if subset.level is None and not subset.direct:
            for run, scored in runs.items():
                add(f"{name}/{run}", dataset(docs, *own, scored))


def main_cli() -> None:
    """`datakit-irds`: ir_datasets' command line with our datasets and its faults put right."""
    from datakit.irds import cli

    cli.main()


if importlib.util.find_spec("ir_datasets"):
    for _name, _why in register_all().items():
        warnings.warn(f"datakit/{_name} is not registered: {_why}", NotRegistered, stacklevel=2)
