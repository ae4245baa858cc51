"""Batch scoring: files of any size through an agent, in bounded memory, block by block."""
