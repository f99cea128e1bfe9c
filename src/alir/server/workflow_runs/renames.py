"""The names of classes in files of runs that an earlier version wrote."""

import re

RENAMED = {
    "alir.agent_events.MeaningChosen": "alir.events.agent.MeaningChosen",
    "alir.server.runs.events.Answered": "alir.server.workflow_runs.events.RunAnswer",
    "alir.server.runs.events.AskAgentQuestion": "alir.server.workflow_runs.events.AskAgentQuestion",
    "alir.server.runs.events.AskQuestion": "alir.server.workflow_runs.events.AskQuestion",
    "alir.server.runs.events.FindPassages": "alir.server.workflow_runs.events.FindPassages",
    "alir.server.runs.events.Found": "alir.server.workflow_runs.events.RunPassages",
    "alir.server.runs.events.Told": "alir.server.workflow_runs.events.RunEvent",
}
# In a user's own text each quote has a backslash before it.
_NAME = re.compile(r'(?<!\\)"qualified_name": ?"([\w.]+)"(,"type":"\w+")?')


def rename_classes(value: str) -> str:
    """Return the JSON of a stored event, tick or result with the present names of its classes."""
    return _NAME.sub(_renamed, value)


def _renamed(match: re.Match[str]) -> str:
    name = RENAMED.get(match[1])
    if name is None:
        return match[0]
    kind = f',"type":"{name.rpartition(".")[2]}"' if match[2] else ""
    return f'"qualified_name":"{name}"{kind}'
