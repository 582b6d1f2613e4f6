"""The console of every command: names that users choose are printed as they are, never as markup.

A text is one line: characters that cannot be printed (a line break, a tab, the codes that move a
terminal's cursor) are shown as Python writes them. Several lines, or bold, are `rich.text.Text`.
"""

import io
import sys

import rich.console
from rich.progress import ProgressColumn, Task
from rich.table import Column
from rich.text import Text


def visible(text: str) -> str:
    r"""The text on one line, with escapes such as `\n` and `\x1b` for unprintable characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Console(rich.console.Console):
    """A console without markup, emoji codes and highlighting."""

    def __init__(self, **options):
        if isinstance(sys.stdout, io.TextIOWrapper):  # its encoding may lack a letter of a name
            sys.stdout.reconfigure(errors="backslashreplace")
        # In a notebook Rich would show everything there, also what a log file is to receive, and
        # a bar only with ipywidgets. As a terminal's text it needs neither.
        super().__init__(markup=False, emoji=False, highlight=False, force_jupyter=False, **options)

    def render_str(self, text: str, **options) -> Text:
        """Escape every text that is printed, those in tables and their titles included."""
        return super().render_str(visible(text), **options)

    def input(self, prompt: str) -> str:
        """Read a line that the user types."""
        return super().input(prompt, markup=False, emoji=False)


class TextColumn(ProgressColumn):
    """A column of a progress bar; `pattern` is formatted with the task."""

    def __init__(self, pattern: str):
        super().__init__(Column(no_wrap=True))
        self.pattern = pattern

    def render(self, task: Task) -> Text:
        return Text(visible(self.pattern.format(task=task)))
