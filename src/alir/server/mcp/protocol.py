"""The Model Context Protocol, by its official SDK, over any transport.

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
    """How a transport finds callers, limits questions and words errors."""

    caller: Callable[[Context], Caller]
    question_slot: Callable[[Caller], AbstractAsyncContextManager[None]]
    """Holds a slot for a question, and counts its tokens."""
    error_text: Callable[[AlirError, Caller], str]
    """Returns the text of an error for a host, in a sentence or two."""


def mcp_server(app: Alir, transport: McpTransport) -> Server[Any]:
    """Return the MCP server of one `Alir`."""
    tools = {one.name: one for one in McpTools(app).list_tools()}
    listed = {one.name: _tool_description(one) for one in tools.values()}

    async def list_tools(_: Context, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[*listed.values()])

    async def call_tool(
        context: Context, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if (tool := tools.get(asked.name)) is None:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {asked.name[:80]!r}.")
        return await _end_when_cancelled(_call(tool, asked.arguments or {}, context, transport))

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


def _tool_description(tool: McpTool) -> types.Tool:
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


async def _call(
    tool: McpTool, given: dict[str, Any], context: Context, transport: McpTransport
) -> types.CallToolResult:
    """Call a tool; an error is a result, too, so that the host's model can read it."""
    steps = itertools.count(1)

    async def report(message: str) -> None:
        await context.session.report_progress(next(steps), message=message)

    try:
        # As JSON: it has no halves of characters, which a host's text may have.
        arguments = tool.arguments.model_validate_json(json.dumps(given))
    except ValidationError as error:
        return _failed(_invalid_arguments(error))
    caller = transport.caller(context)
    try:
        async with transport.question_slot(caller) if tool.is_question else nullcontext():
            found = await tool.call(arguments, caller.tenant, report)
    except ProblemException as refused:
        return _failed(_refusal_text(refused))
    except AlirError as error:
        return _failed(transport.error_text(error, caller))
    except Exception:  # noqa: BLE001  the SDK may send its text to the host
        _log.exception("A tool failed")
        return _failed(DEFECT)
    return types.CallToolResult(
        content=[types.TextContent(text=found.text)], structured_content=found.value
    )


def _failed(detail: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=detail)], is_error=True)


def _invalid_arguments(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    at = ".".join(map(str, first["loc"])) or "The arguments"
    return f"{at}: {first['msg']}."


def _refusal_text(refused: ProblemException) -> str:
    wait_s = (refused.headers or {}).get("Retry-After")
    again = f" Try again in {wait_s} s." if wait_s else ""
    return f"{refused.problem.detail}{again}"


async def _end_when_cancelled(
    work: Coroutine[Any, Any, types.CallToolResult],
) -> types.CallToolResult:
    """Await `work`; when this is cancelled, let `work` end in order first.

    The SDK cancels by anyio's scopes, which cancel each await anew. The awaits that end a run or
    count its cost would not finish.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise
