"""Labels of chromosomes along an axis: no two in one place, whatever their lengths."""

from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from g2p.explain.labels import MOST_CHROMOSOMES, chromosome_ticks

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=MOST_CHROMOSOMES)


def bounds(lengths):
    starts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    return [
        (f"chr{i:02}", first, last)
        for i, (first, last) in enumerate(zip(starts, starts[1:], strict=False), start=1)
    ]


def test_a_chromosome_without_room_has_no_label():
    """Two chromosomes of one locus each, between long ones: 2 and 3 would be over each other."""
    middle, names = chromosome_ticks(bounds([40, 1, 1, 40]), inches=4.0)
    assert names == ["1", "2", "4"] and middle == [20, 40.5, 62]
    assert chromosome_ticks(bounds([40, 40]), 4.0) == ([20, 60], ["1", "2"])
    assert chromosome_ticks(bounds([1] * (MOST_CHROMOSOMES + 1)), 4.0) == ([], [])


@settings(max_examples=40, deadline=None)
@given(lengths=LENGTHS, inches=st.floats(1, 10))
def test_no_label_is_over_another(lengths, inches):
    middle, names = chromosome_ticks(bounds(lengths), inches)
    at = {str(i): (a + b) / 2 for i, (_, a, b) in enumerate(bounds(lengths), start=1)}
    assert names[0] == "1" and middle == [at[name] for name in names]
    figure = Figure(figsize=(inches + 1, 2))
    axes = figure.add_axes((0.5 / (inches + 1), 0.3, inches / (inches + 1), 0.6))
    axes.set(xlim=(0, sum(lengths)), xticks=middle, xticklabels=names)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(a.x1 <= b.x0 for a, b in zip(boxes, boxes[1:], strict=False))
