"""Papermill's engine, with a limit on what a notebook may show, and with words for how its kernel ended."""

import asyncio
import contextlib
import functools
import json
import logging
import signal
from pathlib import Path

from crmo_analysis.execution import warm

MOST_OUTPUT = 20_000_000  # characters that a notebook may leave as its outputs
_RECOUNTED = MOST_OUTPUT // 20  # characters shown since what is left was last counted


class StoppedError(Exception):
    """A notebook was stopped before its end, or its kernel has ended; the message says why."""


@functools.cache
def register():
    """Put an engine with these limits among papermill's; return its name."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine, papermill_engines

    class LimitedClient(PapermillNotebookClient):
        left, shown, is_over = 0, 0, False

        def create_kernel_manager(self):
            self.manager = super().create_kernel_manager()  # which the client forgets when the kernel ends
            return self.manager

        def process_message(self, msg, cell, cell_index):
            is_output = msg["msg_type"] in ("stream", "display_data", "update_display_data", "execute_result")
            if is_output and not self._has_room(_length(msg["content"]), cell):
                return None
            return super().process_message(msg, cell, cell_index)

        def _has_room(self, length, cell):
            self.shown += length
            if not self.is_over and self.left + self.shown > MOST_OUTPUT and self.shown > _RECOUNTED:
                # What was cleared or replaced does not count. Counting what is left takes its time.
                gone = cell if self.clear_before_next_output else None
                cells = [each for each in self.nb.cells if each is not gone]
                outputs = (output for each in cells for output in each.get("outputs", []))
                self.left, self.shown = sum(map(_length, outputs)), length
                self.is_over = self.left + length > MOST_OUTPUT
                if self.is_over:
                    self.interrupt = asyncio.ensure_future(self.km.interrupt_kernel())
            return not self.is_over

    class LimitedEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, time_limit, kernel, **ignored):
            client = LimitedClient(
                nb_man,
                kernel_name=kernel_name,
                kernel_manager_class=warm.kernel_manager_class(kernel["plain"]),
                timeout=time_limit,
                record_timing=False,
                log=logging.getLogger("papermill"),
            )
            memory_kills = _memory_kills()
            try:
                client.execute(cwd=kernel["cwd"], env=warm.environment(kernel["environment"]))
            except DeadKernelError:
                is_memory = _memory_kills() > memory_kills
                raise StoppedError(_how_it_ended(client.manager.exit_code, is_memory)) from None
            except CellTimeoutError:
                more = "give it more with --time-limit"
                said = f"a cell took longer than {time_limit:,} s and was stopped; {more}"
                raise StoppedError(said) from None
            except RuntimeError as error:  # it did not start
                raise StoppedError(f"no Python process could be started for it: {error}") from None
            finally:
                kernel["executed"] = client.nb  # as far as it got
                if client.is_over:
                    most = f"{MOST_OUTPUT // 1_000_000} million characters"
                    said = f"it showed more than {most} and was stopped; show less, or leave a table"
                    raise StoppedError(said)

    papermill_engines.register("limited", LimitedEngine)
    return "limited"


def _length(content):
    """Count the characters of a message or an output."""
    shown = [content.get("text", ""), *content.get("data", {}).values()]
    return sum(
        len(value) if isinstance(value, str) else len(json.dumps(value, default=str)) for value in shown
    )


def _memory_kills():
    """Count the processes that the system has stopped for want of memory, in every container."""
    with contextlib.suppress(OSError):
        for name, count in map(str.split, Path("/proc/vmstat").read_text().splitlines()):
            if name == "oom_kill":
                return int(count)
    return 0


def _how_it_ended(code, is_memory):
    """Say how a kernel ended, from its exit code, which is negative after a signal."""
    process = "the Python process that ran the notebook"
    if code is None or code >= 0:
        return f"{process} ended itself with exit code {code or 0}, as os._exit does"
    if is_memory and code == -signal.SIGKILL:
        return f"{process} was killed by the system because the memory was full; give it more, or less to do"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    crashed = name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL")
    return f"{process} " + (f"crashed ({name})" if crashed else f"was stopped by {name}")
