"""Small awaits in, big calls out: what threads and event loops share."""
