"""Ingest with numpy and orjson, where they are installed: several times as quick."""
