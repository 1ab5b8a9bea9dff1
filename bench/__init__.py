"""How fast the product is: beside the limit of a hand-written endpoint, and beside what others would have built with.

Not part of the package, and nothing here is timed by the tests.
"""
