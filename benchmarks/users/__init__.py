"""Programs as users write them in an afternoon, to compare vidproc with. They know nothing of it."""
