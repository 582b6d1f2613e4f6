"""Standard output and error that whoever reads them may close, as `head -1` does."""

import io
import os
import stat
import sys


class _Pipe(io.FileIO):
    """The writing end of a pipe; what nobody reads any more is dropped, here and in children."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def survive_closed_pipes() -> None:
    """Let this process go on when what reads its output ends: a run is more than its output.

    A stream that is no pipe, or that something else has replaced, stays as it is.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__"):
            continue
        mode = os.fstat(stream.fileno()).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            stream.flush()
            pipe = io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False))
            replacement = io.TextIOWrapper(
                pipe, encoding=stream.encoding, errors=stream.errors,
                line_buffering=stream.line_buffering,
            )  # fmt: skip
            setattr(sys, name, replacement)
