"""The console script, and `python -m dermgan_jax`: Ctrl-C is heard before anything is imported."""

from dermgan_jax import interruption, launcher


def run() -> None:
    """Runs the command line and exits with its code."""
    if not launcher.several():
        interruption.end_at_once()
    from dermgan_jax import main

    main.run()


if __name__ == "__main__":
    run()
