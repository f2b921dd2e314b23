"""目录: what data exists, in which words, on what terms."""
