"""The HTML report of a dataset: one file, no network, nothing to install to read it."""

from __future__ import annotations

from datakit.report.page import write_report

__all__ = ["write_report"]
