"""Errors that are written for the person who reads them."""


class BadInput(ValueError):
    """What was given cannot be used; says in one sentence what was expected, what was found and what to do.

    Raised before any work, so nothing has been written. The command line prints it and exits with code 2.
    """

    def __init__(self, expected: str, found: str, action: str) -> None:
        self.expected, self.found, self.action = expected, found, action
        super().__init__(f"Expected {expected}, but found {found}: {action}.")

    def __reduce__(self) -> tuple:
        """Cross a process border with all three parts."""
        return type(self), (self.expected, self.found, self.action)


class Failed(RuntimeError):
    """The work itself went wrong; the message is one sentence. Exit code 1."""


class Cancelled(Exception):
    """The user asked to stop. Exit code 130."""
