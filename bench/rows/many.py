"""Many guests in one process."""
from kit.process import Failure


def many_guests(setting):
    """500 guests, each waiting on a slow server."""
    raise Failure("not written")
