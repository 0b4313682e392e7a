"""A papermill engine that tells which cell starts, and papermill's own otherwise."""

from collections.abc import Callable
from typing import Any

from papermill.engines import NBClientEngine, papermill_engines

ENGINE = "akasa"


class TellingEngine(NBClientEngine):  # type: ignore[misc]
    """Calls `started(cell number, number of cells)` before each cell."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, started: Callable[[int, int], None], **kwargs: Any
    ) -> None:
        begin = nb_man.cell_start

        def tell(cell: Any, cell_index: int | None = None, **more: Any) -> None:
            started((cell_index or 0) + 1, len(nb_man.nb.cells))
            begin(cell, cell_index, **more)

        nb_man.cell_start = tell
        super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


def register() -> None:
    papermill_engines.register(ENGINE, TellingEngine)
