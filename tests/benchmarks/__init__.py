"""Speed and memory against their own floors, measured in one run: ``python -m tests.benchmarks``."""
