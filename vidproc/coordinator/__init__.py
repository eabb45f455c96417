"""The coordinator: connections become the scheduler's events, and its commands become sends and writes."""
