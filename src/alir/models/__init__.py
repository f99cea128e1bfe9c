"""The values that alir passes around: frozen and typed."""
