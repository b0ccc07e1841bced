"""Reports: what is stored of a machine, on paper and in a workbook. docs/reports.md."""
