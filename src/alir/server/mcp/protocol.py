"""The Model Context Protocol, by its official SDK: the tools, whichever way calls come in.

https://modelcontextprotocol.io/specification
"""

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import anyio
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from alir.app.application import Alir
from alir.errors import AlirError
from alir.server.auth.caller import Caller
from alir.server.mcp.tools import McpTool, McpTools
from alir.server.problems import DEFECT, ProblemException

Context = ServerRequestContext[Any, Any]

_INSTRUCTIONS = (
    "alir answers from documents that were indexed, and verifies every citation. Use ask for an "
    "answer, search to read the passages yourself, list_sources to see which files there are."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class McpTransport:
    """How a way in lets calls in, and what it tells them."""

    caller: Callable[[Context], Caller]
    place: Callable[[Caller], AbstractAsyncContextManager[None]]
    """Takes a place for a question, and counts what it costs."""
    said_of: Callable[[AlirError], str]
    """What a host is told of an error, in a sentence or two."""


def protocol(app: Alir, door: McpTransport) -> Server[Any]:
    """Return what answers the messages of a host."""
    tools = {one.name: one for one in McpTools(app).all()}
    listed = {one.name: _described(one) for one in tools.values()}

    async def list_tools(_: Context, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[*listed.values()])

    async def call_tool(
        context: Context, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if (tool := tools.get(asked.name)) is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name[:80]!r}.")
        return await _in_order(_called(tool, asked.arguments or {}, context, door))

    def input_schema(name: str) -> Mapping[str, Any] | None:
        return listed[name].input_schema if name in listed else None

    return Server(
        "alir",
        version=version("alir"),
        title="alir",
        instructions=_INSTRUCTIONS,
        get_tool_input_schema=input_schema,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _described(tool: McpTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        output_schema=tool.result.model_json_schema(mode="serialization"),
        annotations=types.ToolAnnotations(
            title=tool.title, read_only_hint=True, idempotent_hint=True, open_world_hint=False
        ),
    )


async def _called(
    tool: McpTool, given: dict[str, Any], context: Context, door: McpTransport
) -> types.CallToolResult:
    """Call a tool; what goes wrong is a result, too, so that the host's model can read it."""
    steps = itertools.count(1)

    async def tell(message: str) -> None:
        await context.session.report_progress(next(steps), message=message)

    try:
        # As JSON: it has no halves of characters, which a host's text may have.
        arguments = tool.arguments.model_validate_json(json.dumps(given))
    except ValidationError as error:
        return _failed(_misused(error))
    try:
        who = door.caller(context)
        async with door.place(who) if tool.is_question else nullcontext():
            found = await tool.call(arguments, who.tenant, tell)
    except ProblemException as refused:
        return _failed(_refusal(refused))
    except AlirError as error:
        return _failed(door.said_of(error))
    except Exception:  # noqa: BLE001  the SDK may tell the host what it says
        _log.exception("A tool failed")
        return _failed(DEFECT)
    return types.CallToolResult(
        content=[types.TextContent(text=found.text)], structured_content=found.value
    )


def _failed(detail: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=detail)], is_error=True)


def _misused(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    at = ".".join(map(str, first["loc"])) or "The arguments"
    return f"{at}: {first['msg']}."


def _refusal(refused: ProblemException) -> str:
    wait_s = (refused.headers or {}).get("Retry-After")
    again = f" Try again in {wait_s} s." if wait_s else ""
    return f"{refused.problem.detail}{again}"


async def _in_order(
    work: Coroutine[Any, Any, types.CallToolResult],
) -> types.CallToolResult:
    """Await `work`; when this is cancelled, it ends first, and in order.

    The SDK cancels by anyio's scopes, which cancel each await anew: nothing that is awaited to end
    a run, or to count what it has cost, would come to its end.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise
