"""Detectors that need no training of their own, and what any detector is judged by."""
