"""The page that describes the API; test_page.py opens it in a browser."""

import re
from typing import Any

from alir.server.routes.api_docs import page as rendered


def described(schema: dict[str, Any]) -> str:
    """The page of an API with one object, `One`."""
    return rendered({"paths": {}, "components": {"schemas": {"One": schema}}})


async def test_every_operation_and_object_is_on_the_page_and_every_link_leads_there(
    served: Any,
) -> None:
    answer = await served.client.get("/docs")
    description = (await served.client.get("/openapi.json")).json()
    page = answer.text

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    for path, methods in description["paths"].items():
        for method in methods:
            assert f"<h3><code>{method.upper()} {path}</code></h3>" in page
    for name in description["components"]["schemas"]:
        assert f'<article id="{name}">' in page
    anchors = [*re.findall(r'id="([^"]+)"', page)]
    assert len(anchors) == len({*anchors})
    assert {*re.findall(r'href="#([^"]+)"', page)} <= {*anchors}
    local = {*re.findall(r'(?:href|src)="(/[^"]*)"', page)}
    assert {(await served.client.get(one)).status_code for one in local} == {200}


def test_a_field_says_what_it_may_be() -> None:
    page = described(
        {
            "properties": {
                "n": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": 2},
                "tags": {"type": "array", "items": {"enum": ["a<b", "c"]}},
                "by": {"type": "object", "additionalProperties": {"$ref": "#/components/x/One"}},
            },
            "required": ["tags"],
        }
    )

    assert "<td>integer, at least 1 or null</td><td>Default: <code>2</code>.</td>" in page
    assert "<td>list of <code>a&lt;b</code> | <code>c</code></td><td></td>" in page
    assert '<td>object of <a href="#One">One</a></td>' in page
