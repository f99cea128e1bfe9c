"""How much may be asked for, by each key and at once."""
