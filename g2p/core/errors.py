"""The errors of g2p, each with a message for whoever has to act on it.

    G2PError                 all of these
      OptionError            an option, an override, a study or a flag that is wrong
      DataError              a file or a panel that cannot be read or used
      CodeError              a model, a source or another file of code that breaks its contract
      TrainingError          a training that cannot begin or go on
      RunError               a run directory that is none, or not what is needed
        DamagedRunError      ... one of whose files is damaged
      ReportedError          any of these, or a bug, whose message is printed already

The message names the problem, where it is, and what is allowed. An error of any other type that
leaves g2p is a bug, or is raised by code of one's own.
"""


class G2PError(Exception):
    """An error that the user can correct."""


class OptionError(G2PError):
    """An option, an override, a study or a flag that does not exist or has a wrong value."""


class DataError(G2PError):
    """A file or a panel that cannot be read, or not be used as the options say."""


class CodeError(G2PError):
    """A file of code, perhaps one's own, that is not what its name in a config promises."""


class TrainingError(G2PError):
    """A training that cannot begin or go on."""


class RunError(G2PError):
    """A run directory that does not exist, is not finished, or does not suit what is asked."""


class DamagedRunError(RunError):
    """A run directory one of whose files is damaged, gone or another run's."""


class ReportedError(G2PError):
    """An error that the user has read, or that is a run's status; it can be pickled."""
