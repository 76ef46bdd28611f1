"""From scores to labels that can be trusted: pure functions on arrays.

`isotonic` turns a score into a probability, `sampling` draws what a judge sees, `certify` finds
thresholds whose error rate is bounded, `cascade` says what happens to each pair, `estimates` what
was missed, `store` keeps all of it by level in `calibration/<level>.json`.
"""
