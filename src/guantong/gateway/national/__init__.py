"""国家平台约定: the national data sharing platform's calling convention, on its own paths.

A client that was written for it works here when its address is changed. The convention signs neither body nor nonce;
a time window and a memory of what was seen make up for what they can, and stronger profiles stand beside it.
"""
