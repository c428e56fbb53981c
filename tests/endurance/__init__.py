"""Long experiments, repeated for minutes: `python -m tests.endurance`. The system tests run each of them once."""
