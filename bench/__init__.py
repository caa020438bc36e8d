"""How good is this retriever, in each language, and can I believe the number?"""

__version__ = "0.1.0"
