"""What every part of edgefleet agrees on: errors, packages, statistics and messages.

Standard library only and no I/O, so that devices, clouds and browsers (Pyodide) run the same code.
"""
