"""What the service tells of itself: metrics for Prometheus, and traces for OpenTelemetry."""
