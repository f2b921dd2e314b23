"""逆向编目: what tables a named source holds, read so that entries can be drafted from them. Read-only; no sample is kept."""
