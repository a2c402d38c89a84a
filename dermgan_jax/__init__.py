"""GANs for synthetic dermatology images. Research software, not a medical device."""

__version__ = "0.2.0"
