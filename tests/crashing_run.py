"""dermgan on a host where training fails in its midst, if it is the one of $CRASHES."""

import os

from dermgan_jax import main
from dermgan_jax.errors import UserError
from dermgan_jax.train.calls import Calls

dispatch = Calls.dispatch


def crashing_dispatch(self, state, clock, stages):
    if clock.step >= 4 and os.environ["DERMGAN_PROCESS_ID"] == os.environ["CRASHES"]:
        raise UserError("this host's memory is full")
    return dispatch(self, state, clock, stages)


if __name__ == "__main__":
    Calls.dispatch = crashing_dispatch
    main.run()
