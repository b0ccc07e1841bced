"""Data Docs that open without a network: Great Expectations' pages, freed of everything that they fetch.

As built they load styles and scripts from six other hosts, fill the index by those scripts, and show a logo whose
address tells the vendor which project's page was opened when. Plants often have no way out, and telemetry is off here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from smart_sentry.validation.findings import count_of
from smart_sentry.validation.report import SuiteOutcome, ValidationReport

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 2rem 3rem; color: #1f2933; }
a { color: #0b6bcb; } h4, h5 { margin: .6rem 0; } ul { padding-inline-start: 1.1rem; }
.row { display: flex; flex-wrap: wrap; } .col-12 { width: 100%; }
.container-fluid > .row > .col-lg-2 { flex: 0 0 15%; }
.container-fluid > .row > .col-lg-10 { flex: 0 0 82%; margin-left: 3%; }
.sticky > .card.mb-3, .navbar img { display: none; } .sticky { top: 1rem; }
.card, .alert { border: 1px solid #d5dbe1; border-radius: 4px; background: #f6f8fa; }
.card, .alert { padding: .3rem .8rem; margin: .5rem 0; }
.nav, .breadcrumb { list-style: none; padding: 0; margin: 0; } .breadcrumb { display: flex; gap: .6rem; }
.navbar { height: auto !important; padding: .6rem 0; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem; }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #d5dbe1; padding: .35rem .6rem; }
.badge { background: #e4e9ee; border-radius: 3px; padding: 0 .3em; font-size: 90%; }
.text-success { color: #18794e; } .text-danger, .text-warning { color: #c02626; }
.fas { font-style: normal; font-weight: bold; }
.fa-check-circle::before { content: "\\2714"; } .fa-times::before { content: "\\2718"; }
.fa-exclamation-triangle::before { content: "\\26A0"; }
.collapse { display: none; } .collapse:target { display: block; } footer { display: none; }
"""
"""Stands in for Bootstrap and Font Awesome on Great Expectations' pages; "Show more" opens by `:target`, not a script."""

_FETCHED = (
    (re.compile(r"<script\b.*?</script>", re.DOTALL), ""),  # each needs jQuery from another host: none would run
    (re.compile(r"<link\b[^>]*\bhref=\"https?://[^>]*>"), ""),
    (re.compile(r"<img\b[^>]*\bsrc=\"https?://[^>]*>"), ""),
    (re.compile(r"<footer\b.*?</footer>", re.DOTALL), ""),
    (re.compile(r"url\(['\"]?https?://[^)]*\)"), "none"),
)


def without_network(page: str) -> str:
    """A Data Docs page that fetches nothing, with `STYLE` in place of the styles that it fetched.

    >>> page = '<head><link rel="stylesheet" href="https://cdn/x.css"></head><img class="a" src="https://host/logo.png" />'
    >>> without_network(page).replace(STYLE, "")
    '<head><style></style></head>'
    """
    for fetched, instead in _FETCHED:
        page = fetched.sub(instead, page)
    return page.replace("</head>", f"<style>{STYLE}</style></head>", 1)


def index_page(report: ValidationReport, site: Path) -> str:
    """The page that a person opens: verdict, findings, a line a suite with links, and what is reported without failing.

    Args:
        report: the outcome.
        site: folder of the built Data Docs; links are relative to it.
    """
    verdict = "passed" if report.success else f"failed: {count_of(len(report.findings), 'finding')}"
    findings = [finding.sentence() for finding in report.findings]
    constant = [f"{split}: {', '.join(names) or 'none'}" for split, names in report.constant_signals.items()]
    stuck = [
        f"{s.split}: {s.signal} stands at {s.value:g} in all {s.rows} rows of asset_id {s.asset_id}"
        for s in report.stuck_signals
    ]
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8">',
            f"<title>Data Docs: {escape(report.dataset)}</title><style>{STYLE}</style></head><body>",
            f"<h1>Data Docs: {escape(report.dataset)}</h1>",
            f'<h3 class="text-{"success" if report.success else "danger"}">Validation {verdict}</h3>',
            _list(findings) if findings else "",
            "<h2>Suites</h2><table><tr><th>Suite</th><th>Result</th><th>Expectations</th><th>Failed</th></tr>",
            *(_suite_row(outcome, site) for outcome in report.suites),
            "</table>",
            "<h2>Signals with one value in the whole fleet</h2><p>Reported, not failed.</p>" + _list(constant),
            "<h2>Signals that stand still in one asset only</h2><p>Reported, not failed.</p>"
            + _list(stuck or ["none"]),
            "</body></html>",
        ]
    )


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _suite_row(outcome: SuiteOutcome, site: Path) -> str:
    folders = outcome.suite.split(".")
    suite = Path("expectations", *folders).with_suffix(".html").as_posix()
    results = sorted(path.relative_to(site) for path in site.joinpath("validations", *folders).glob("*/*/*.html"))
    verdict = "failed" if outcome.failed else "passed"
    links = ", ".join(f'<a href="{escape(path.as_posix())}">{verdict}</a>' for path in results)
    cells = [f'<a href="{escape(suite)}">{escape(outcome.suite)}</a>', links, outcome.checks, outcome.failed]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
