from pathlib import Path

from smart_sentry.errors import Finding
from smart_sentry.validation.data_docs import STYLE, index_page, without_network
from smart_sentry.validation.report import SuiteOutcome, ValidationReport
from smart_sentry.validation.stuck_signals import StuckSignal

PAGE = """<html><head>
<link rel="stylesheet" href="https://cdn.example/a.css"/><link rel="shortcut icon" href="../static/favicon.ico"/>
<script src="https://cdn.example/a.js"></script>
<style>.navbar-brand a { background: url('https://host.example/logo.png') 0 0 no-repeat; }</style>
</head><body>
<img
  class="NO-CACHE" src="https://host.example/logo.png?d=1&dataContextId=abc" alt="x"
/>
<script>
  $("#a").modal();
</script>
<table><tr><td>sensor_7</td></tr></table>
<footer><p>newsletter <a href="https://host.example/news">Subscribe</a></p></footer>
</body></html>"""


def report(folder: Path, findings: tuple[Finding, ...] = ()) -> ValidationReport:
    return ValidationReport(
        dataset="FD<1>",
        suites=(SuiteOutcome("turbofan.FD001.train", 108, len(findings)),),
        findings=findings,
        constant_signals={"train": ("sensor_1", "sensor_5"), "test": ()},
        stuck_signals=(StuckSignal("train", 3, "sensor_2", 642.25, 179),),
        data_docs_index=folder / "index.html",
    )


def test_without_network_keeps_the_content_and_local_files_and_drops_everything_fetched():
    page = without_network(PAGE)
    assert "http" not in page
    assert "<script" not in page
    assert "dataContextId" not in page
    assert "<td>sensor_7</td>" in page
    assert "../static/favicon.ico" in page
    assert STYLE in page


def test_index_page_links_every_suite_and_its_result(tmp_path):
    result = tmp_path / "validations/turbofan/FD001/train/__none__/20260101T000000Z/batch.html"
    result.parent.mkdir(parents=True)
    result.touch()
    page = index_page(report(tmp_path), tmp_path)
    assert '<a href="expectations/turbofan/FD001/train.html">turbofan.FD001.train</a>' in page
    assert '<a href="validations/turbofan/FD001/train/__none__/20260101T000000Z/batch.html">passed</a>' in page


def test_index_page_reports_constant_and_stuck_signals(tmp_path):
    page = index_page(report(tmp_path), tmp_path)
    assert "train: sensor_1, sensor_5" in page
    assert "test: none" in page
    assert "train: sensor_2 stands at 642.25 in all 179 rows of asset_id 3" in page


def test_index_page_of_a_failed_validation_lists_the_findings_and_escapes_them(tmp_path):
    finding = Finding("type", ("oil",), "found <b>", (), "Mend it.", "train")
    page = index_page(report(tmp_path, (finding,)), tmp_path)
    assert "Validation failed: 1 finding<" in page
    assert "[train] type on oil: found &lt;b&gt;. Mend it." in page
    assert "FD&lt;1&gt;" in page


def test_report_summary_is_plain_and_names_no_path(tmp_path):
    summary = report(tmp_path).summary()
    assert summary["success"] is True
    assert summary["constant_signals"] == {"train": ["sensor_1", "sensor_5"], "test": []}
    assert summary["stuck_signals"] == [
        {"split": "train", "asset_id": 3, "signal": "sensor_2", "value": 642.25, "rows": 179}
    ]
    assert str(tmp_path) not in str(summary)
