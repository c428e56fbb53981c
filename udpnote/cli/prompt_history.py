"""The lines that were typed at the prompt, in a file; if the file cannot be used, they are kept until the command ends."""

from collections.abc import Callable, Iterable

from prompt_toolkit.history import FileHistory

from udpnote.errors import Notice


class PromptHistory(FileHistory):
    """The history in the file at `path`. The first time that the file cannot be read or written, this object calls
    `on_problem` with a notice. No error is raised: prompt_toolkit stores a line before it returns the line, so an error would
    lose the line, and end the prompt.
    """

    def __init__(self, path: str, on_problem: Callable[[Notice], None]) -> None:
        super().__init__(path)
        self._path = path
        self._on_problem = on_problem
        self._is_told = False

    def load_history_strings(self) -> Iterable[str]:
        """Return the lines in the file, the newest first; none if the file cannot be read."""
        try:
            return list(super().load_history_strings())
        except OSError as error:  # from the history's file: the prompt works without it
            self._tell(error)
            return []

    def store_string(self, string: str) -> None:
        """Add a line to the file, if it can be written. The caller has added the line to those in memory."""
        try:
            super().store_string(string)
        except OSError as error:  # from the history's file: the prompt works without it
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._is_told:
            self._is_told = True
            self._on_problem(Notice("history_not_kept", path=self._path, problem=error.strerror))
