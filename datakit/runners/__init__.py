"""Runners: who computes the shards."""
