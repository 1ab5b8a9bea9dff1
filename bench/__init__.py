"""Benchmarks: the product beside a hand-written endpoint, which is the limit, and beside other GraphQL servers.

Not part of the package; the tests run none of it.
"""
