"""Chains of filters: what formats they need, how far they look, and running them over frames."""
