"""Pages of executed notebooks, rendered in a thread of their own while the run goes on."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from akasa.workspace import files


@dataclass
class Pages:
    """Begun pages: notebook → its text, once it is there. Leave it, and nothing is rendered any more."""

    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    begun: dict[Path, Future[str]] = field(default_factory=dict)

    def __enter__(self) -> "Pages":
        return self

    def __exit__(self, *error: object) -> None:
        self.thread.shutdown(cancel_futures=True)

    def begin(self, executed: Path, steps: Sequence[str]) -> None:
        """Begin to render the page of an executed notebook, with links to those of the steps."""
        from akasa.report import site

        self.begun[executed] = self.thread.submit(site.page, executed, steps)

    def write(self) -> Iterator[Path]:
        """Write each page beside its notebook, and tell where. Raises what rendering raised."""
        for executed, text in self.begun.items():
            page = executed.with_suffix(".html")
            files.write_text(page, text.result())  # here: a thread's file would have this one's umask of then
            yield page
