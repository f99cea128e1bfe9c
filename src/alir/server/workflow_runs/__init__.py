"""LlamaIndex's workflow server at `/workflows`, with runs that survive a restart."""
