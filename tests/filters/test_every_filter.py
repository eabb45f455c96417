"""What holds for each filter, in all that a parameter may choose, whatever it does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.filters.applying import applied
from tests.filters.pictures import bits_of, noise, variants
from tests.filters.sample_files import chosen
from vidproc import filters
from vidproc.filters.formats import plane_shapes, works_on

FORMATS = ("yuv420p", "yuvj422p", "yuv410p", "yuv422p10le", "gray", "bgr24")


def _choices() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Each kind of each filter as it is, and with each word that one of its parameters may be, in each format that it
    takes."""
    for filter_ in (each for name in filters.names() for each in variants(name)):
        kind = {"kind": filter_.kind} if filter_.kind else {}
        words = [{param.name: word} for param in filter_.params for word in param.choices]
        for form in (form for form in FORMATS if works_on(filter_.formats, form)):
            yield from ((filter_.name, form, kind | params) for params in [{}, *words])


@pytest.mark.parametrize(("name", "form", "params"), list(_choices()))
@pytest.mark.parametrize(("width", "height"), [(61, 47), (1, 1), (2, 1), (3, 40)])
def test_results_are_whole_pictures_of_the_declared_shape(
    name: str, form: str, params: dict[str, str], width: int, height: int
) -> None:
    picture = noise(form, width, height)
    result = applied(name, picture, **params)
    declared, _ = chosen(name, params)
    assert result.format in (declared.gives or form, "gray")
    assert tuple(plane.shape for plane in result.planes) == plane_shapes(result.format, result.height, result.width)
    assert all(int(plane.max()) < 1 << bits_of(result.format) for plane in result.planes)
    assert {plane.dtype for plane in result.planes} <= {np.dtype(np.uint8), picture.planes[0].dtype}
