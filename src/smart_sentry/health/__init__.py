"""From scores to what people act on: degradation, risk, reasons."""
