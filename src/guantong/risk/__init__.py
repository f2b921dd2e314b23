"""预警: rules over receipts, what they find, and what people do about it."""
