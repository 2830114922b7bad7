"""The HTML as it was sent: html-validate and the Nu checker find no error."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tests.ux.lens import HERE, NODE_MODULES, Lens, Target
from tests.ux.lines import Line

SHOWN = 4


def look(lens: Lens, target: Target) -> list[Line]:
    """Validate the page twice."""
    with lens.blank(target) as page:
        body = page.context.request.get(target.url).text()
    with tempfile.TemporaryDirectory(prefix="preau-ux-") as folder:
        file = Path(folder) / "page.html"
        file.write_text(body, encoding="utf-8")
        validate, nu = _html_validate(file), _nu(file)
    return [Line("html-validate", validate[:SHOWN], not validate), Line("Nu checker", nu[:SHOWN], not nu)]


def _html_validate(file: Path) -> list[str]:
    program = NODE_MODULES / "html-validate" / "bin" / "html-validate.mjs"
    command = ["node", str(program), "--config", str(HERE / ".htmlvalidate.json"), "-f", "json", str(file)]
    return [
        f"{message['ruleId']} line {message['line']}: {message['message']}"
        for report in json.loads(_stdout(command))
        for message in report["messages"]
    ]


def _nu(file: Path) -> list[str]:
    program = NODE_MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"
    command = ["java", "-Xss1m", "-jar", str(program), "--format", "json", "--stdout", str(file)]
    messages = json.loads(_stdout(command))["messages"]
    return [f"line {m.get('lastLine')}: {m['message'][:100]}" for m in messages if m["type"] == "error"]


def _stdout(command: list[str]) -> str:
    """What the checker printed; both exit with 1 when they found something, so the code tells nothing."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if not run.stdout:
        raise RuntimeError(f"{command[0]} said nothing: {run.stderr[:400]}")
    return run.stdout
