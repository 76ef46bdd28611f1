"""Exporters: a dataset out, in someone else's format. One file each; `_write` is what they share.

Every export is written beside its place, read back, compared and only then put there.
"""
