"""Eight virtual CPU devices for every test, and compiled programs kept between runs."""

import os
import pathlib
import tempfile

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Tests compile much and compute little; without any optimisation they would compute for too long.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(tempfile.gettempdir()) / "dermgan_jax_tests_xla")
)

import jax
import pytest
from chromium import browser, playwright  # noqa: F401 (fixtures)
from xdist.scheduler import LoadScopeScheduling

from dermgan_jax import registry

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

# Files that take too long for one worker: these share the tests of one GAN, or single tests.
SHARED = ("test_promises.py", "test_learning.py")


class LoadFileOrModel(LoadScopeScheduling):
    """Workers take files in turn, and of the longest ones the tests of one GAN."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        if not path.endswith(SHARED):
            return path
        parameters = test.partition("[")[2].rstrip("]").split("-")
        known = [name for name in parameters if name in (*registry.names("model"), "toy")]
        return f"{path}::{known[0] if known else test}"


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """They are read again from the disk; kept, those of all tests take several gigabytes."""
    yield
    jax.clear_caches()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return LoadFileOrModel(config, log)
