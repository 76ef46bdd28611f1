"""One-way imports, and what `import datakit` must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import datakit

PACKAGE = Path(datakit.__file__).parent
# a module may import from its own layer and from those below it
LAYERS = [
    {"version", "errors", "records"},
    {"registry", "text", "tables", "digests", "progress", "resources", "packed_bert"},
    {"models", "encoder_forms", "vectors", "seq2seq", "dataset", "sources", "registered"},
    {"filters", "splits", "measures", "significance", "agreement", "calibration"},
    {"segmentation", "llm"},
    {"ingestors", "segmenters", "generators", "retrievers", "rerankers", "miners", "judges"},
    {"audits", "auditing"},
    {"plan", "engine", "reading"},
    {"exporters", "importers", "report", "provenance", "runners", "samples", "training"}
    | {"judging", "fixing", "gates", "reviewing"},
    {"stages", "importing", "irds", "projection", "comparison", "inspection"},
    {"pipeline"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
PLUGINS = {
    "ingestors", "segmenters", "generators", "retrievers", "rerankers", "miners", "judges",
}  # fmt: skip
NOT_FOR_PLUGINS = {"dataset", "engine", "plan", "runners", "stages", "pipeline", "cli", "commands"}
HEAVY = ("torch", "transformers", "spacy", "ray", "sklearn", "pandas", "pyarrow", "jieba")


def layer(name: str) -> int:
    (number,) = [i for i, names in enumerate(LAYERS) if name in names]
    return number


def imports() -> Iterator[tuple[str, str, str]]:
    """(file, its module below datakit, the module below datakit that it imports)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
                if node.module == "datakit":
                    names = [f"datakit.{alias.name}" for alias in node.names]
            for name in names:
                parts = name.split(".")
                if parts[0] == "datakit" and len(parts) > 1 and parts[1].islower():
                    yield str(path.relative_to(PACKAGE)), own, parts[1]


def test_imports_go_one_way() -> None:
    wrong = [
        f"{file} imports {other}"
        for file, own, other in imports()
        if other not in (own, "__version__") and layer(other) > layer(own)
    ]

    assert wrong == []


def test_plugins_know_no_dataset_and_no_runner() -> None:
    wrong = [
        f"{file} imports {other}"
        for file, own, other in imports()
        if own in PLUGINS and other in NOT_FOR_PLUGINS
    ]

    assert wrong == []


@pytest.mark.parametrize(
    "code",
    [
        "import datakit",
        "from datakit import registry; [registry.names(k) for k in registry.KINDS]",
        "import sys, datakit.cli; sys.argv = ['datakit', '--help']\n"
        "try: datakit.cli.main()\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    check = f"{code}\nimport sys; print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", check],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )

    assert done.stderr.strip() == "[]"


def test_help_takes_less_than_half_a_second_of_cpu() -> None:
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'datakit', '--help'], stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime)"
    )
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]

    assert min(times) < 0.5


def test_listing_the_settings_of_plugins_loads_no_model_library() -> None:
    code = (
        "from datakit import registry\n"
        "for k in registry.KINDS: [registry.load(k, n) for n in registry.names(k)]\n"
        "heavy = ('torch', 'transformers', 'spacy', 'ray')\n"
        "import sys; print([m for m in heavy if m in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
