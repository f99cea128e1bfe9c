"""`alir bench`: what alir costs, compared with LlamaIndex's own classes and with the limit.

Every comparison is interleaved in one run and repeated; medians are printed, with the spread and
the machine. A wrong result fails the bench: speed is compared between equal answers only.
"""
