"""A run's page as one file: the console's own modules and style, put into it together with the numbers.

The modules are joined in the order in which they import each other. For that they keep to two rules, which a test
holds: an import is one line of names from one file, and no two modules declare the same name at their top.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from assay_server.console.pages import assets

_ENTRY: Final = "report.js"
_IMPORT: Final = re.compile(r'^import \{[^}\n]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|const|class) )", re.MULTILINE)

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Assay: report of a run</title>
<style>{style}</style>
</head>
<body>
<main id="page" tabindex="-1"><noscript><p>The pictures are drawn by a script in this file.</p></noscript></main>
<script type="application/json" id="numbers">{numbers}</script>
<script>{script}</script>
</body>
</html>
"""


def report_page(numbers: bytes) -> tuple[str, str]:
    """The file, and the content-security policy that it has.

    Args:
        numbers: the JSON of a run's summary.
    """
    style = assets()["console.css"].content.decode()
    script = f"(() => {{\n{joined_modules(_ENTRY)}}})();"
    policy = f"default-src 'none'; style-src {_hashed(style)}; script-src {_hashed(script)}; base-uri 'none'"
    inert = numbers.decode().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _PAGE.format(policy=policy, style=style, numbers=inert, script=script), policy


def joined_modules(entry: str) -> str:
    """A module with everything that it imports, as one script."""
    placed: dict[str, str] = {}

    def place(name: str) -> None:
        if name in placed:
            return
        text = assets()[name].content.decode()
        for imported in _IMPORT.findall(text):
            place(imported)
        placed[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    place(entry)
    return "".join(placed.values())


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
