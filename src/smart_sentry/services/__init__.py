"""Apache Kafka, PostgreSQL and Redis on this machine: started, waited for, asked and stopped (docs/services.md)."""
