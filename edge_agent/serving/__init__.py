"""Serves an agent's model to other processes: Open Inference Protocol v2 over HTTP, and frames."""
