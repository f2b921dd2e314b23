"""交换: batches and files under a grant. No Django: what it may do stands in the bundle, what it did in the evidence."""

import os

# Columns are made and freed by several threads: few arenas, given back at once, keep a process below 300 MB. Polars'
# allocator reads this once, when polars is first imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:2,dirty_decay_ms:200,muzzy_decay_ms:0")
