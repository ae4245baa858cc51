"""Our parts beside a peer or a limit, measured in one run; ``python -m benchmarks`` lists them.

To add one: write a file beside ``inference.py``, decorate its function with ``@benchmark`` and
import it in ``benchmarks/all_benchmarks.py``.
"""
