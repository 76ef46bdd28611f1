"""For PyTerrier: `pt.get_dataset("datakit:NAME/test")`, whose topics are ready for retrieval.

`pt.get_dataset("irds:datakit/NAME/test")` works too, once `datakit.irds` has been imported; its
topics have several text fields, so that a pipeline must be told which one is the query.
"""

from __future__ import annotations

from typing import Any

from datakit import irds
from datakit.irds.handlers import library


class Provider:
    """PyTerrier makes an instance of its own; see its `DatasetProvider`."""

    def get_dataset(self, name: str) -> Any:
        """The dataset `datakit/<name>`.

        Raises:
            KeyError: it is not registered.
        """
        irds.register_all()
        from pyterrier.datasets._irds import IRDSDataset

        class Registered(IRDSDataset):  # type: ignore[misc]
            """With `text` as the query, unless another field is asked for."""

            def get_topics(self, variant: str | None = None) -> Any:
                return super().get_topics(variant or "text")

        return Registered(f"datakit/{name}")

    def list_dataset_names(self) -> list[str]:
        """The registered names, subsets included."""
        irds.register_all()
        ours = (name for name in library().registry if name.startswith("datakit/"))
        return [name.removeprefix("datakit/") for name in ours]
