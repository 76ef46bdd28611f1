"""Language models behind an OpenAI-compatible endpoint: what is asked, and what came back.

`exchange` has the words of all the others: Task, Request, Reply, Reading, Outcome. A task becomes
requests in `conversation` (with `prompts`, `structured`), which `client` sends when `pacer` lets
it, or `batch` writes to files; either way `log` keeps the raw replies, and `prices` counts them.
For the client `answers` tells what came back, `health` whether to go on, `budget` what is left.
"""
