"""表格: entries as spreadsheets in the guide's own columns, read and written; every wrong cell is named."""
