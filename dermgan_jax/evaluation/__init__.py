"""How good are images? `evaluation.evaluate(real, fake, metrics)`, see docs/evaluation.md."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dermgan_jax.evaluation.library import Result, evaluate, save_statistics

__all__ = ["Result", "evaluate", "save_statistics"]


def __getattr__(name: str) -> Any:
    """Imported when asked for: commands import parts of this package and must not wait for all."""
    if name in __all__:
        from dermgan_jax.evaluation import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
