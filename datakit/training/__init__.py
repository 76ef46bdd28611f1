"""Training of models that write: pairs of a passage and a query in, a model folder out."""
