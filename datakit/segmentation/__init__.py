"""Topical-change segmentation: labelled documents, models, baselines, measures and training."""
