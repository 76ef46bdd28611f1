"""Audits: one file per question asked of a dataset; its fields are its limits by part."""
