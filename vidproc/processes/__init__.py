"""Supervised processes: started from a preloaded fork server, spoken to over one socket each, watched, replaced."""
