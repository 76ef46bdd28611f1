"""For ir_datasets 2, which is not released: a provider by its published protocol.

That asks for a prefix, `load(name)` and `discover_edges()`. No release reads the entry point, so
this is untested against one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datakit import irds
from datakit.irds.handlers import library


class Provider:
    """`datakit:NAME/test` of ir_datasets 2 is `datakit/NAME/test` of today's."""

    prefix = "datakit"

    def load(self, name: str) -> Any:
        """The dataset `datakit/<name>`.

        Raises:
            KeyError: it is not registered.
        """
        irds.register_all()
        return library().load(f"{self.prefix}/{name}")

    def discover_edges(self) -> Iterator[Any]:
        """None: nothing is said about how the datasets hang together."""
        return iter(())


provider = Provider()
