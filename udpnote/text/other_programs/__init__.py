"""What other programs keep or export, read as notes: jrnl, Day One, memos, and folders of Markdown."""
