"""`python -m app`."""

import gc

from app.cli import main

# What a start loads stays to the end, and the collector would go through all of it again and again for nothing: a fifth of the
# time until a server is ready. So it looks less often, as it does in a server (`app/server.py`).
gc.set_threshold(10_000)

main(prog_name="python -m app")
