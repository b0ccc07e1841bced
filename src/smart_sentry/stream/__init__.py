"""Readings over Apache Kafka: what a message is, who sends it, and where those go that nobody can read."""
