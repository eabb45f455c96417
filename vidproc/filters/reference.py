"""The filters' reference in words, made from their declarations.

`python -m vidproc.filters.reference > docs/filters.md` writes the page anew.
"""

from __future__ import annotations

from vidproc import filters
from vidproc.filters.contract import Filter, Param

_HEAD = """\
# Filters

Made from the filters' own declarations by `make docs`.

A filter works on the pixel formats it names, best first: `yuv` is planar YUV of any subsampling and 8 to 16 bits,
`gray` is full range, `bgr24` is what OpenCV calls a colour image. Conversions, by the film's own matrix and range, are
made where they are needed. A window such as (-1, 0) says which frames a filter looks at: the one before, and this one.
"""

_CUSTOM = """\
## custom

A Python file of your own. One function from frame to frame is enough; frames are height x width x 3 arrays of uint8,
blue first, and the function may draw in what it gets:

```python
def invert(frame):
    return 255 - frame
```

Its keyword parameters with plain defaults are the filter's parameters. `@vidproc.filter` says more: the formats, the
window, and the parameters' limits, all written out as literals, since they are read without running the file.

```python
import vidproc

@vidproc.filter(formats="gray", window=(-1, 0), params={"gain": {"low": 0, "high": 10, "help": "how bright"}})
def trails(frames, gain=2.0):
    before, now = frames  # before is None at the first frame of the film
    if before is None:
        return now
    return (abs(now.astype("int16") - before) * gain).clip(0, 255).astype("uint8")
```

The function must be a pure one: films are worked on in chunks, on many machines, in no certain order.
"""


def describe(filter_: Filter) -> str:
    """A filter and its parameters in plain text, one line each."""
    lines = [f"{filter_.name}: {filter_.help}"]
    lines += [f"  {p.name}={_shown(p)}  {p.help} ({p.allowed})" for p in filter_.params]
    return "\n".join(lines)


def page() -> str:
    """The page about all filters, in Markdown."""
    return "\n".join([_HEAD, *(_section(filters.get(name)) for name in filters.names()), _CUSTOM])


def _section(filter_: Filter) -> str:
    formats = ", ".join(f"`{name}`" for name in filter_.formats)
    rows = [f"| `{p.name}` | `{_shown(p)}` | {p.allowed} | {p.help} |" for p in filter_.params]
    table = ["", "| parameter | default | values | meaning |", "| --- | --- | --- | --- |", *rows] if rows else []
    facts = f"Works on {formats}. Window {filter_.window}."
    if filter_.reshape is not None:
        facts += " Changes the size of the picture."
    return "\n".join([f"## {filter_.name}", "", filter_.help, "", facts, *table, ""])


def _shown(param: Param) -> str:
    return str(param.default).lower() if param.kind is bool else f"{param.default}"
