"""The filters' reference in words, made from their declarations.

`python -m vidproc.filters.reference > docs/filters.md` writes the page anew.
"""

from __future__ import annotations

from vidproc import filters
from vidproc.filters.contract import Filter, Param
from vidproc.filters.kinds import Kinds

_HEAD = """\
# Filters

Made from the filters' own declarations by `make docs`.

A filter works on the pixel formats it names, best first: `yuv` is planar YUV of any subsampling and 8 to 16 bits,
`gray` is full range, `bgr24` is what OpenCV calls a colour image. Conversions, by the film's own matrix and range, are
made where they are needed. A window such as (-1, 0) says which frames a filter looks at: the one before, and this one.
An interlaced frame holds two moments, one in each field, so filters that look at neighbouring pixels get each field as
a picture of half the height.
What a filter remembers beside it is said with its parameters at their defaults: a state begins anew at each frame whose
number is divisible by so many, so that the result is the same wherever the film is cut for its workers.

Where the default is FILE, a file must be given: its path on the host that sends the job. Its bytes go with the job.
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

It sees whole frames, and with `fields="apart"` each field of an interlaced one.

The function must be a pure one: films are worked on in chunks, on many machines, in no certain order. What it is to
remember from frame to frame goes into a dict, which it gets as its second argument. That is a new and empty one at the
film's beginning, at that of each further piece where it was joined of several, and at each frame whose number `every`
divides. So the result is the same wherever the film is cut; in return some frames are filtered twice.

```python
import numpy
import vidproc

@vidproc.filter(memory="reset", every=100)
def brightest(frame, state):
    state["so far"] = numpy.maximum(frame, state.get("so far", frame))
    return state["so far"]
```

Two kinds of memory last from the film's, or such a piece's, first frame to its last. With `memory="snapshot"` the dict
may hold plain values (numbers, strings, bytes, lists, tuples, dicts) and NumPy's arrays, so that it can go from worker
to worker: one goes through the film ahead of the others, in order, and tells them what the dict holds where their
chunks begin; so the function runs twice on each frame. With `memory="opaque"` it may hold anything, such as a model of
OpenCV's. The function then runs in one process over the whole film, in order, and only the filters behind it and the
encoding are shared out; where that process dies it begins again from the film's first frame. Either way the film can't
be done sooner than one process can decode it and run the filters up to this one.

```python
import cv2
import vidproc

@vidproc.filter(memory="opaque")
def moving(frame, state):
    if "model" not in state:
        state["model"] = cv2.createBackgroundSubtractorMOG2()
    return state["model"].apply(frame)
```
"""


def describe(found: Filter | Kinds) -> str:
    """A filter, or its kinds, and the parameters in plain text, one line each."""
    lines = [f"{found.name}: {found.help}"]
    if isinstance(found, Filter):
        return "\n".join([*lines, *_lines(found, "  ")])
    for each in found.filters:
        default = " (default)" if each.kind == found.kind.default else ""
        lines += [f"  kind={each.kind}  {each.help}{default}", *_lines(each, "    ")]
    return "\n".join(lines)


def _lines(filter_: Filter, indent: str) -> list[str]:
    lines = [f"{indent}{p.name}={_shown(p)}  {p.help} ({p.allowed})" for p in filter_.params]
    return [*lines, *(f"{indent}{each}" for each in _memory(filter_))]


def _memory(filter_: Filter) -> list[str]:
    """What it remembers with its parameters at their defaults, as a sentence, if anything."""
    memory = filter_.remembers({param.name: param.default for param in filter_.params})
    return [] if memory is None else [str(memory)]


def page() -> str:
    """The page about all filters, in Markdown."""
    return "\n".join([_HEAD, *(_section(filters.get(name)) for name in filters.names()), _CUSTOM])


def _section(found: Filter | Kinds) -> str:
    lines = [f"## {found.name}", "", found.help, ""]
    if isinstance(found, Filter):
        return "\n".join([*lines, *_facts(found)])
    lines += [f"`kind` says {found.how}; `{found.kind.default}` where it isn't given.", ""]
    for each in found.filters:
        lines += [f"### kind={each.kind}", "", each.help, "", *_facts(each)]
    return "\n".join(lines)


def _facts(filter_: Filter) -> list[str]:
    formats = ", ".join(f"`{name}`" for name in filter_.formats)
    rows = [f"| `{p.name}` | `{_shown(p)}` | {p.allowed} | {p.help} |" for p in filter_.params]
    table = ["| parameter | default | values | meaning |", "| --- | --- | --- | --- |", *rows, ""] if rows else []
    facts = f"Works on {formats}."
    if filter_.gives:
        facts += f" Gives `{filter_.gives}`."
    facts += f" Window {filter_.window}."
    facts = " ".join([facts, *_memory(filter_)])
    if filter_.reshape is not None:
        facts += " May change the size of the picture, or the order of its fields."
    if filter_.fields == "apart":
        facts += " Works on each field of an interlaced frame."
    return [facts, "", *table]


def _shown(param: Param) -> str:
    if param.file is not None:
        return "FILE"
    return str(param.default).lower() if param.kind is bool else f"{param.default}"
