"""The events of the workflows: one module a workflow.

Start events are commands, stop events are nouns, everything between is a past-tense fact. Every
field is declared, and an unknown one is refused (the engine's own events accept anything).
"""
