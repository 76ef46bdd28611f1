"""Importers: someone else's dataset in, as passages, queries and labels. One file each."""
