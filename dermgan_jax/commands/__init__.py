"""The commands: one file each, with its flags, its help and what it runs.

These files are imported to print help, which must not wait for JAX or TensorFlow: what a command
runs is imported when it runs.
"""
