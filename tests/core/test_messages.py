"""Each error, of any type, is one message; formatting it never raises."""

import errno
import pickle
import sys

import numpy as np
import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, InstantiationException, MissingConfigException

from g2p.core.errors import G2PError, ReportedError
from g2p.core.messages import BUG, format_error, print_error, report_job_result


class Mute(Exception):  # noqa: N818
    def __str__(self):
        raise ValueError("no words")


class Nothing(Exception):  # noqa: N818
    def __str__(self):
        return None


class Hidden(HydraException):
    def __str__(self):
        raise RecursionError


@pytest.mark.parametrize(
    "error",
    [
        Mute(), Nothing(), Hidden("x"), Exception(b"\xff\x00"), Exception(), Exception(Mute()),
        OSError(), OSError(2, "gone", b"/a\xff"), OSError(2, "gone", 7), OSError(2, Mute()),
        OSError("only words"), G2PError(), G2PError(b"x"), G2PError(Mute()), SystemExit(Mute()),
        KeyError(Mute()), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), HydraException(),
        ExceptionGroup("several", [Mute(), ValueError(1)]), Exception("\ud800"), GeneratorExit(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_formatting_an_error_never_raises(error, capsys):
    print_error(format_error(error))
    assert capsys.readouterr().err.startswith("error: ")
    try:
        raise RuntimeError from error
    except RuntimeError as outer:
        assert BUG in format_error(outer)


def test_an_error_of_ours_says_so_with_its_traceback():
    try:
        {}["what"]
    except KeyError as error:
        message = format_error(error)
    assert "Traceback" in message and "KeyError: 'what'" in message and message.endswith(BUG)


def of_numpy() -> BaseException:
    try:
        np.empty(2**55)
    except MemoryError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryError(), of_numpy(),
        RuntimeError("std::bad_alloc"), RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate"),
    ],
    ids=str,
)  # fmt: skip
def test_too_little_memory_is_reported_and_is_no_bug(error):
    wrapped = InstantiationException("Error in call to target")
    wrapped.__cause__ = error
    for message in (format_error(error), format_error(wrapped)):
        assert message.startswith("not enough memory: ") and "\n" not in message
        assert BUG not in message


@pytest.mark.parametrize(
    ("name", "extra"),
    [("sweeper/optuna", "search"), ("launcher/joblib", "launchers"), ("launcher/ray", "ray")],
)
@pytest.mark.parametrize("module", ["hydra_plugins", "hydra_plugins.hydra_{}"])
def test_what_no_plugin_offers_names_the_extra(monkeypatch, name, extra, module):
    """Also where none of Hydra's plugins is installed, so that their package does not exist."""
    kind, choice = name.split("/")
    monkeypatch.delitem(sys.modules, f"hydra_plugins.hydra_{choice}_{kind}", raising=False)
    monkeypatch.setitem(sys.modules, module.format(f"{choice}_{kind}"), None)
    message = format_error(MissingConfigException(f"Could not find 'hydra/{name}'"))
    assert message == (
        f"hydra/{kind}={choice} is not installed. pip install -e '.[{extra}]' installs it."
    )


def test_a_message_does_not_reach_for_the_terminal(capsys):
    print_error("no phenotype \x1b[2J\nand more")
    assert capsys.readouterr().err == "error: no phenotype \\x1b[2J\nand more\n"


def test_what_a_job_failed_of_is_printed_once(capsys):
    """Hydra raises the error again, perhaps in another process: it says that it is printed."""
    ended = JobReturn(status=JobStatus.FAILED, _return_value=ValueError("no such locus"))
    report_job_result(ended)
    assert capsys.readouterr().err.count("no such locus") == 1
    with pytest.raises(ReportedError, match="no such locus") as raised:
        _ = ended.return_value
    copied = pickle.loads(pickle.dumps(raised.value))
    assert type(copied) is ReportedError and str(copied) == str(raised.value)
