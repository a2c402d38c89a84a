"""GANs for synthetic dermatology images. Research software, not a medical device."""

import os

__version__ = "0.2.0"

# Pillow reads this when it is imported. Blocks of less than 32 MiB stay with the thread that
# decoded a large image, and sixteen threads then keep gigabytes.
os.environ.setdefault("PILLOW_BLOCK_SIZE", "64m")
