"""The logging that the command line sets up; the library itself sets up none."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Generator
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue

from actorch.actors import UsageError

from ._options import Options
from ._terminal import write_error

__all__ = ["logging_as_asked"]

_FIELDS = ("run", "agent", "attempt", "pid")


class _Text(logging.Formatter):
    """Time, level, what it is about, and the message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows on lines of its own."""
        about = " ".join(
            f"{field}={value}" for field in _FIELDS if (value := getattr(record, field, None))
        )
        where = f" [{about}]" if about else ""
        head = f"{self.formatTime(record)} {record.levelname:<7} {record.name}{where}"
        text = f"{head} {record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


class _Json(logging.Formatter):
    """One JSON object a line, always with the same fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        document = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{field: getattr(record, field, None) for field in _FIELDS},
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps(document)


class _Enqueue(QueueHandler):
    """Hands records over as they are: whoever logs must never wait for a disk or a terminal."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Nothing; the record stays in this process."""
        return record


class _ToStandardError(logging.Handler):
    """Writes without a buffer, and without caring whether anybody is there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        write_error(f"{self.format(record)}\n")


@contextlib.contextmanager
def logging_as_asked(options: Options) -> Generator[None]:
    """Log to standard error and to a file, as the options say, until the end of the block.

    Raises:
        UsageError: the file cannot be written to.
    """
    logger = logging.getLogger("actorch")
    level, propagate = logger.level, logger.propagate
    handlers = _handlers(options)
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    listener = QueueListener(records, *handlers, respect_handler_level=True)
    enqueue = _Enqueue(records)
    logger.propagate = False
    logger.setLevel(min(handler.level for handler in handlers))
    logger.addHandler(enqueue)
    listener.start()
    try:
        yield
    finally:
        logger.removeHandler(enqueue)
        logger.propagate = propagate
        logger.setLevel(level)
        listener.stop()
        for handler in handlers:
            with contextlib.suppress(OSError):  # a full disk must not hide the verdict
                handler.close()


def _handlers(options: Options) -> list[logging.Handler]:
    to_error = _ToStandardError()
    to_error.setLevel((logging.ERROR, logging.INFO, logging.DEBUG)[min(options.verbose, 2)])
    to_error.setFormatter(_Text())
    handlers: list[logging.Handler] = [to_error]
    if options.log_file is not None:
        handlers.append(_to_file(options, options.log_file))
    return handlers


def _to_file(options: Options, path: str) -> logging.Handler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        key = options.key("log_file")
        raise UsageError(f"{key}: cannot write to {path!r}: {error.strerror}") from None
    handler.setLevel(logging.DEBUG if options.verbose > 1 else logging.INFO)
    handler.setFormatter(_Json() if options.log_format == "json" else _Text())
    return handler
