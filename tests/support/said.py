"""What the code of the report says, in English: every text that a language has to have."""

import ast
import re
from pathlib import Path

from models.reporting import page

_CALL = re.compile(r'\bsay\(\s*"([^"]+)"')
_PATTERN = re.compile(r'"([^"]*\{\w+\}[^"]*)"')
"""What macros are given to say."""


def said() -> set[str]:
    """From the templates and the modules of the report."""
    found: set[str] = set()
    for path in page.HERE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= {*_CALL.findall(text), *_PATTERN.findall(text)}
    for path in page.HERE.rglob("*.py"):
        found |= _in_code(path)
    return found


def _in_code(path: Path) -> set[str]:
    calls = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    said = [
        call.args[0]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "say" and call.args
    ]
    return {node.value for node in said if isinstance(node, ast.Constant) and isinstance(node.value, str)}
