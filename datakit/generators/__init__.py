"""Generators: queries from passages, one file each.

A generator with `unit = "map"` sees the passages of a document; one with `unit = "global"` sees
the whole corpus.
"""
