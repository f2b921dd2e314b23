"""In how many ways Python's zipfile says that an archive is not what it should be."""

import lzma
import zipfile
import zlib

DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,  # no archive, a broken directory, a checksum that does not fit
    zlib.error,  # a deflated member that does not unpack
    lzma.LZMAError,  # the same, packed by LZMA
    OSError,  # the same, packed by bzip2, which has no error of its own
    EOFError,  # a member that ends too soon
    RuntimeError,  # zipfile's word for a member that is encrypted, or packed in a way that it cannot unpack
    ValueError,  # offsets that lie outside the file
)
"""Whoever reads an archive from outside catches these around the reading, and nothing else."""
