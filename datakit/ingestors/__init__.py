"""Ingestors: a file in, documents out. One file each; `_`-modules are what they share."""
