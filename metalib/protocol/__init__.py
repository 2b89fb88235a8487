"""The protocol of an experiment: what leaks in it, and routines that leak on purpose."""

from metalib.protocol.check import check_protocol
from metalib.protocol.report import LEAKS, ProtocolReport

__all__ = ["LEAKS", "ProtocolReport", "check_protocol"]
