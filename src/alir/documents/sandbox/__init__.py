"""Read documents in child processes, so that a bad document harms nothing else."""
