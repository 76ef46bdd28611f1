"""Miners: duplicates of passages, labels beyond the generating passage, hard negatives."""
