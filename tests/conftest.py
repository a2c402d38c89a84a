"""Eight virtual CPU devices for every test, and compiled programs kept between runs."""

import os
import pathlib
import tempfile

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(tempfile.gettempdir()) / "dermgan_jax_tests_xla")
)

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

ON_THEIR_OWN = ("test_promises.py", "test_learning.py")  # files too long for one worker


def pytest_collection_modifyitems(items):
    """What workers take turns with: files, and of the longest ones the tests of one GAN."""
    for item in items:
        group = item.path.name
        if group in ON_THEIR_OWN:
            params = item.callspec.params if hasattr(item, "callspec") else {}
            gan = params.get("name", params.get("whole_run", params.get("family", item.name)))
            group = f"{group}:{getattr(gan, '__name__', gan)}"
        item.add_marker(pytest.mark.xdist_group(group))
