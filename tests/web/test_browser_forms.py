"""The forms that are made of filters' schemas: whatever a person does to their knobs is something the filter takes."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.web.browsing import Visitor
from vidproc import filters

pytestmark = pytest.mark.long

_TURNED = """async ({ schemas, file }) => {
    const { fields } = await import(document.querySelector('link[href$="/fields.js"]').href);
    const found = [];
    for (const [name, schema] of Object.entries(schemas)) {
        for (const kind of schema.oneOf?.map((each) => each.title) ?? [undefined]) {
            const begun = { ...(kind && { kind }), ...(file.includes(name) && { file: "AAAA" }) };
            const form = fields(schema, begun, () => {});
            found.push([name, kind ?? "", "untouched", form.value()]);
            for (const slider of form.element.querySelectorAll("input[type=range]")) {
                for (const part of [0, 0.25, 0.5, 0.75, 1]) {
                    slider.value = Math.round(part * slider.max);
                    slider.dispatchEvent(new Event("input"));
                    found.push([name, kind ?? "", "turned", form.value()]);
                }
            }
        }
    }
    return found;
}"""


@pytest.fixture
def turned(visitor: Visitor) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Filter, kind, and the parameters at several places of each slider, the last ones kept at their ends."""
    schemas = {name: filters.schema(name) for name in filters.names()}
    wanted = [name for name, schema in schemas.items() if "file" in schema.get("required", ())]
    return [tuple(each) for each in visitor.page("/").evaluate(_TURNED, {"schemas": schemas, "file": wanted})]


def test_every_place_of_every_slider_is_a_value_that_is_taken(turned: list[tuple[str, str, str, Any]]) -> None:
    assert len(turned) > 200
    for name, _, _, params in turned:
        jsonschema.validate(params, filters.schema(name))


def test_what_nobody_touched_is_left_to_the_filter(turned: list[tuple[str, str, str, Any]]) -> None:
    untouched = {(name, kind): params for name, kind, what, params in turned if what == "untouched"}
    assert untouched["blur", "gaussian"] == {}
    assert untouched["blur", "median"] == {"kind": "median"}
    assert untouched["lut", ""] == {"file": "AAAA"}


def test_sliders_reach_both_ends(turned: list[tuple[str, str, str, Any]]) -> None:
    crops = [params for name, _, _, params in turned if name == "crop"]
    assert crops[-1] == {"width": 16384, "height": 16384, "x": 16384, "y": 16384}
    sizes = {params.get("ksize", 15) for name, kind, _, params in turned if (name, kind) == ("blur", "gaussian")}
    assert {1, 255} <= sizes
