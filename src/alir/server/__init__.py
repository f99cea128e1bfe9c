"""The HTTP service: a thin shell over `Alir`; see docs/service.md."""
