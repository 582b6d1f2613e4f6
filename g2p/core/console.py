"""The console of every command: whatever a user can name is printed as it is, never as markup.

A text is one line: what cannot be printed (a line break, a tab, the codes that move a terminal's
cursor) is shown as Python would write it. More lines, and bold, are `rich.text.Text`.
"""

import io
import sys

import rich.console
from rich.progress import ProgressColumn, Task
from rich.table import Column
from rich.text import Text


def visible(text: str) -> str:
    r"""The text on one line, with `\n`, `\x1b` and their like for what cannot be printed."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Console(rich.console.Console):
    """A console that takes no text for markup, an emoji or something to highlight."""

    def __init__(self, **options):
        if isinstance(sys.stdout, io.TextIOWrapper):  # whose encoding may lack a letter of a name
            sys.stdout.reconfigure(errors="backslashreplace")
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options) -> Text:
        """Every text on its way out, those in tables and their titles among them."""
        return super().render_str(visible(text), **options)

    def input(self, prompt: str) -> str:
        """A line that the user types."""
        return super().input(prompt, markup=False, emoji=False)


class TextColumn(ProgressColumn):
    """A column of a progress bar; `pattern` is formatted with the task."""

    def __init__(self, pattern: str):
        super().__init__(Column(no_wrap=True))
        self.pattern = pattern

    def render(self, task: Task) -> Text:
        return Text(visible(self.pattern.format(task=task)))
