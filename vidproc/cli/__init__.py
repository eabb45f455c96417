"""The programs: options in, exit codes out."""
