import sys

from dermgan_jax import progress_bar
from dermgan_jax.progress_bar import progress_bar as bar_of


class Terminal:
    """Standard error of somebody who watches."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_few_slow_things_have_a_bar_and_many_quick_ones_have_none(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with bar_of(1000, "quick") as bar:
        bar.update(1000)
    assert terminal.text == ""
    monkeypatch.setattr(progress_bar, "QUIET_FOR", 1e-9)
    with bar_of(3, "slow") as bar:
        bar.last_print_t -= 60
        bar.update(2)
    assert "slow" in terminal.text
    assert "2/3" in terminal.text
