"""`mteb:NAME`: the text retrieval tasks of the installed mteb, read by its public interface one subset at a time."""
