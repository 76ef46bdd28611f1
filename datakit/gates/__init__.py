"""Gates: what a dataset must show before its labels and its rankings are believed.

A gate gives rows: a value with its 95 % interval, what it needs, and a status. What the dataset
holds no evidence for is `not_established`, with what would establish it; it is never a pass.
`ground` reads the evidence, `verify` runs the gates, the other files are the gates.
"""
