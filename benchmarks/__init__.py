"""`alir bench`: what alir costs, beside LlamaIndex's own classes and beside the limit.

Every comparison is interleaved in one run and repeated; medians are printed, with the spread and
the machine. A wrong result fails the bench: speed is compared between equal answers only.
"""
