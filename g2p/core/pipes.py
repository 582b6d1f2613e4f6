"""Standard output and error that survive a reader that closes them, as `head -1` does."""

import io
import os
import stat
import sys


class _Pipe(io.FileIO):
    """The writing end of a pipe; once its reader is gone, output is dropped, in children too."""

    def write(self, data) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            null_device = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null_device, self.fileno())
            os.close(null_device)
            return len(data)


def survive_closed_pipes() -> None:
    """Let this process continue when the reader of its output ends.

    A stream that is not a pipe, or that other code has replaced, stays as it is.
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
