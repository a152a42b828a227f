"""Entry point; replaced by the command line."""


def main() -> None:
    raise SystemExit("not yet")
