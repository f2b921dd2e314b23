"""校核与争议: what is wrong with data, and what is wrong with an answer; said, answered, judged, on both sides."""
