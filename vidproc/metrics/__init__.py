"""Figures that add up: latency histograms and rates. No clock inside."""
