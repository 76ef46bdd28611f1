"""Language models behind an OpenAI-compatible endpoint: what is asked, and what came back.

`exchange` has the words of all the others: Task, Request, Reply, Reading, Outcome. A task becomes
requests in `conversation` (with `prompts`, `structured`), which `client` sends when `pacer` lets
it, or `batch` writes to files; either way `log` keeps the raw replies, and `prices` counts them.
"""
