"""What several threads share: a lock for each model and tokenizer, and settings of the whole process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

_LOCKS: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

Restore = Callable[[], object]


def lock_of(shared: Any) -> Any:
    """Return the lock of an object, such as a model: always the same `threading.RLock` for the same object.

    A block `with lock_of(model):` waits until no other thread is in such a block. A thread may enter it again within
    the block.
    """
    return _LOCKS.setdefault(shared, threading.RLock())


def share_lock(one: Any, other: Any) -> None:
    """Give an object the lock of another one, such as that of the model that it wraps."""
    _LOCKS[one] = lock_of(other)


class ProcessSetting:
    """A setting of the whole process: changed while at least one thread needs it, and then restored.

    If each thread restored the value that it had found, the last thread could restore a value that another one had set.

    Args:
        change: Changes the setting, and returns a function that restores it.
    """

    def __init__(self, change: Callable[[], Restore]) -> None:
        self._change = change
        self._restore: Restore = nothing
        self._lock, self._users = threading.Lock(), 0

    @contextmanager
    def set(self) -> Iterator[None]:
        """Keep the setting changed within the block."""
        with self._lock:
            if not self._users:
                self._restore = self._change()
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._restore()


def nothing() -> None:
    """Restore nothing."""
