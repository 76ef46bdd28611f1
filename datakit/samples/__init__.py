"""Small documents of our own, so that the first command needs nothing. See README.md here."""

from pathlib import Path

DOCUMENTS = Path(__file__).parent / "documents"


def root() -> Path:
    """The folder of the documents: a source like any other, with its own `metadata.csv`."""
    return DOCUMENTS
