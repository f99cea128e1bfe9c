"""The steps of an ingestion."""
