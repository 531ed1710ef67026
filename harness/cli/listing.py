"""stub"""


def list_names() -> None:
    """Stub."""
