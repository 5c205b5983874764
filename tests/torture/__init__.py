"""Faults on purpose: processes, servers and networks that die in the middle of work.

Small sizes run in the suite; `make torture` runs the full ones and keeps their results under
bench/results with seed, machine and command. Every driver prints one line of JSON.
"""
