"""Repairs of what an audit finds: a new version of the dataset, never an edit in place."""

from __future__ import annotations

from datakit.fixing.running import Fixed, fix

__all__ = ["Fixed", "fix"]
