"""People look at pairs: which ones, in which form, with what agreement.

`frames` names the pairs of a strategy, `batch` draws from them and keeps the plan, `files` writes
them for a spreadsheet, Label Studio or Argilla and reads them back, `server` shows them on a local
page, `answers` keeps what was said there. Grades end in the table `judgement/human`; `agreement`
and `agreeing` say how far the assessors are of one mind.
"""
