"""How fast vidproc is, as ratios: to the least that its work can cost, and to plain ffmpeg. See docs/benchmarks.md."""
