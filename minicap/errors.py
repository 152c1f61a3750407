"""The one error for things the user gave that cannot be used."""


class InputError(ValueError):
    """Say in one line what came from outside, what was expected, and the way out.

    Raised for files, folders, command-line values and data; the command line prints it
    without a traceback and exits with code 2. Wrong arguments to a mathematical function
    raise plain ``ValueError`` or ``TypeError`` instead.
    """
