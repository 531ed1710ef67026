"""How models are measured: everything between a task file and a printed table (see ARCHITECTURE.md)."""

if not __name__.startswith("dnabench."):
    raise ImportError("import dnabench.harness, not harness: run `pip install -e .` first")
