"""The stream worker: readings from Apache Kafka, judged and stored exactly once."""
