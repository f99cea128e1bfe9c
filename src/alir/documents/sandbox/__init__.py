"""Reading documents in processes of their own: what a document does there, it does to itself."""
