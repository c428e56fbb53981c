"""Reads as notes what other programs keep or export: jrnl, Day One, memos, and folders of Markdown."""
