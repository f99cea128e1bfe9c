"""LlamaIndex's workflow server at `/workflows`: runs that are kept, and come to an end."""
