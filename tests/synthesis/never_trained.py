"""What models of tests have in common that are only sampled, or translated with."""


class NeverTrained:
    """Methods that training would need, and that nobody calls."""

    @staticmethod
    def default_config():
        raise AssertionError("only sampled or translated with, never trained")

    def init(self, rng):
        raise AssertionError("only sampled or translated with, never trained")

    def phases(self):
        raise AssertionError("only sampled or translated with, never trained")
