"""Metrics for Prometheus, traces for OpenTelemetry, and the log."""
