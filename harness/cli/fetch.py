"""stub"""


def fetch() -> None:
    """Stub."""
