"""Segmenters: documents into passages, one file each."""
