"""What waits to be sent: two queues of frames, control before bulk, both bounded.

A frame that has begun on the wire is finished first; then every control frame goes before any bulk one, so a heartbeat
waits for at most one block. Order is kept within each queue, and bulk never overtakes control: a message that announces
blocks arrives before them.

Nothing here waits. Who wants to add a frame asks `full` first and waits as it likes until that is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from vidproc.protocol.framing import Buffer
from vidproc.transport.wire import close_fds


class _Frame(Struct):
    buffers: list[memoryview]
    fds: list[int]
    size: int


class _Queue:
    """Frames up to a high-water mark; full from there until it has sunk to the low one."""

    def __init__(self, high: int, low: int) -> None:
        self.frames: deque[_Frame] = deque()
        self.size = 0
        self.full = False
        self._high = high
        self._low = low

    def put(self, frame: _Frame) -> None:
        self.frames.append(frame)
        self.size += frame.size
        self.full = self.full or self.size >= self._high

    def shrink(self, size: int) -> None:
        self.size -= size
        self.full = self.full and self.size > self._low


class Outbox:
    """Sizes and marks are in bytes. Descriptors given to it are its own to close."""

    def __init__(self, control_high: int, bulk_high: int, bulk_low: int) -> None:
        self._control = _Queue(control_high, control_high // 2)
        self._bulk = _Queue(bulk_high, bulk_low)
        self._current: tuple[_Frame, _Queue] | None = None

    def __len__(self) -> int:
        """Bytes that wait."""
        return self._control.size + self._bulk.size

    def full(self, *, bulk: bool) -> bool:
        return (self._bulk if bulk else self._control).full

    def put(self, buffers: Sequence[Buffer], fds: Sequence[int] = (), *, bulk: bool = False) -> None:
        views = [memoryview(buffer).cast("B") for buffer in buffers if buffer]
        frame = _Frame(views, list(fds), sum(len(view) for view in views))
        (self._bulk if bulk else self._control).put(frame)

    def head(self) -> tuple[list[memoryview], list[int]]:
        """The bytes to send next, and the descriptors that go with the first of them; nothing when empty."""
        if self._current is None:
            queue = self._control if self._control.frames else self._bulk
            if not queue.frames:
                return [], []
            self._current = queue.frames.popleft(), queue
        return self._current[0].buffers, self._current[0].fds

    def sent(self, size: int) -> None:
        """So many bytes of the head have gone, and its descriptors with them."""
        if self._current is None:
            raise ValueError("nothing was to be sent")
        frame, queue = self._current
        close_fds(frame.fds)
        frame.fds.clear()
        queue.shrink(size)
        while frame.buffers and size >= len(frame.buffers[0]):
            size -= len(frame.buffers.pop(0))
        if size:
            frame.buffers[0] = frame.buffers[0][size:]
        if not frame.buffers:
            self._current = None

    def drop_bulk(self) -> None:
        """Forget the bulk frames that have not begun."""
        self._forget(self._bulk)

    def clear(self) -> None:
        """Forget everything."""
        if self._current is not None:
            frame, queue = self._current
            queue.shrink(sum(len(view) for view in frame.buffers))
            close_fds(frame.fds)
            self._current = None
        self._forget(self._control)
        self._forget(self._bulk)

    def _forget(self, queue: _Queue) -> None:
        while queue.frames:
            frame = queue.frames.popleft()
            close_fds(frame.fds)
            queue.shrink(frame.size)
