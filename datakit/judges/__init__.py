"""Judges: a pair of query and passage becomes a grade; one file each.

A judge asks a language model (`unit = "calls"`) and has `tasks(pairs)` and `read(task, value,
model)`, which gives Judgements. It sees the words of the pair alone: no seed, no score, no source.
"""
