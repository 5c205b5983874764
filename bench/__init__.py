"""Drivers that measure this machine; results are ratios in one run, kept in bench/results.

Not for tests: no timed assertion lives in the suite.
"""
