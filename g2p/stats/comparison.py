"""A comparison of a study: two arms, or a trend over an ordered factor; pooled or at a level."""

from dataclasses import dataclass
from statistics import fmean
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """A contrast of the test R2 of runs that agree in phenotype, seed and `by`.

    Attributes:
        arm: the factor whose values are compared.
        a: its value in the runs that are subtracted; of a trend the first.
        b: its value in the other runs; of a trend the last.
        by: factors in which the compared runs agree, whatever their values: these are pooled.
        within: a factor of which one level is compared, or None.
        level: that level.
        trend: all values of an ordered factor, from a to b; empty where two arms are compared.
    """

    arm: str
    a: Any
    b: Any
    by: tuple[str, ...] = ()
    within: str | None = None
    level: Any = None
    trend: tuple = ()

    @property
    def weights(self) -> dict[Any, float]:
        """Map each value of `arm` to its weight in the contrast; they sum to 0.

        A pair is b - a. A trend is the change from the first value to the last along the least
        squares line of R2 on the rank x of the value,

            (n - 1) sum_i (x_i - mean(x)) R2_i / sum_i (x_i - mean(x))^2,    x_i = 0 ... n - 1,

        n - 1 times the mean change from one value to the next: ranks need no scale on which 0 and
        `null` (all observations, say) have a position, and the number is in R2, as of a pair.
        """
        if not self.trend:
            return {self.a: -1.0, self.b: 1.0}
        n = len(self.trend)
        centre = fmean(range(n))
        spread = sum((x - centre) ** 2 for x in range(n))
        return {value: (n - 1) * (x - centre) / spread for x, value in enumerate(self.trend)}

    def title(self, to: str = " → ") -> str:
        """Return `a → b (level)`, without the compared factor."""
        return self.pair(to) + ("" if self.within is None else f" ({self.setting})")

    def pair(self, to: str) -> str:
        """Return `a → b`, without the compared factor and the level."""
        return f"{'trend, ' if self.trend else ''}{text_of(self.a)}{to}{text_of(self.b)}"

    @property
    def setting(self) -> str:
        """The level, with a short key, or nothing."""
        return f"{self.within.rpartition('.')[2]} {text_of(self.level)}" if self.within else ""


def text_of(value: Any) -> str:
    """Return a factor's value as written in YAML."""
    return "null" if value is None else str(value)
