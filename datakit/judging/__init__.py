"""Judgements of a dataset: asked for, read from files, kept, and turned into labels.

`tables` keeps them: append-only, in `judgement/<name>`, which no stage of a build writes. `labels`
says which judgement of a pair decides. `pairs` names what to judge, `asking` asks a model,
`review` people. `pools` reads scored pairs, `certifying` finds
thresholds by level from what was judged, `certified` puts those that hold to work, `cascading` asks
round by round.
"""
