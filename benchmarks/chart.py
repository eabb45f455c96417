"""Charts as SVG: horizontal bars in groups, with a whisker from the least to the most.

Written by hand, without a library. There is no background, and every colour is of middling brightness, so a chart can
be read on a white page and on a black one, whatever the viewer knows of colour schemes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from benchmarks.page import Bar, Chart, figure

FOLDER = Path(__file__).parents[1] / "docs" / "images"

_WIDTH = 760
_LEFT, _RIGHT = 170, 80  # for names and for figures
_BAR, _GAP, _GROUP_GAP, _TOP = 18, 4, 22, 46
_TEXT = "#7d8590"
_COLOURS = {
    "floor": "#8b949e",
    "vidproc": "#2f81f7",
    "vidproc-run": "#0aa5b5",
    "ffmpeg": "#3f9142",
    "PyAV loop": "#a371f7",
    "cv2 script": "#d1771f",
}
_ANY_OTHER = "#db61a2"


def svg(chart: Chart) -> str:
    """The chart as a document of its own."""
    most = max((bar.most for bar in chart.bars), default=1.0)
    parts, y = [_text(_WIDTH / 2, 22, chart.heading, "middle", bold=True)], _TOP
    for group, bars in groupby(chart.bars, lambda bar: bar.group):
        parts.append(_text(0, y + 13, group, bold=True))
        for bar in bars:
            parts.append(_bar(bar, y, (_WIDTH - _LEFT - _RIGHT) / most, _COLOURS.get(bar.subject, _ANY_OTHER)))
            y += _BAR + _GAP
        y += _GROUP_GAP
    style = f'font-family="system-ui, sans-serif" font-size="13" fill="{_TEXT}" role="img"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" {style}>'
    title = f"<title>{escape(chart.heading)}, in {escape(chart.unit)}</title>"
    return "\n".join([opening, title, *parts, "</svg>", ""])


def write(charts: Sequence[Chart], folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for chart in charts:
        (folder / f"{chart.name}.svg").write_text(svg(chart), encoding="utf-8")


def _bar(bar: Bar, y: float, scale: float, colour: str) -> str:
    """A name, a bar, its whisker, and its figure behind both."""
    end, low, high = (_LEFT + scale * value for value in (bar.value, bar.least, bar.most))
    middle = y + _BAR / 2
    size = f'width="{end - _LEFT:.1f}" height="{_BAR}"'
    box = f'<rect x="{_LEFT}" y="{y}" {size} rx="2" fill="{colour}" fill-opacity="0.6"/>'
    ends = "".join(f"M{x:.1f} {middle - 4}v8" for x in (low, high))
    whisker = f'<path d="M{low:.1f} {middle}H{high:.1f}{ends}" stroke="{colour}" stroke-width="2" fill="none"/>'
    name = _text(_LEFT - 8, y + 13, bar.subject, "end")
    return "\n".join([name, box, whisker, _text(max(end, high) + 7, y + 13, figure(bar.value))])


def _text(x: float, y: float, said: str, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(said)}</text>'
