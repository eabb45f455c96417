"""Forms with files (multipart/form-data, RFC 7578), part by part as they come: nothing of them is held."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from vidproc.errors import ClientError, TooLargeError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MOST_PARTS = 32


@dataclass(slots=True)
class Part:
    """`name` is the field's, `file_name` empty for what is no file. Of a form's parts each is to be read before the
    next."""

    name: str
    file_name: str
    _form: Form = field(repr=False)

    async def data(self) -> AsyncIterator[bytes]:
        """Piece by piece."""
        while (piece := await self._form.next_piece()) is not None:
            yield piece

    async def bounded(self, most: int) -> AsyncIterator[bytes]:
        """The same, which has at most so many bytes. Raises `TooLargeError`."""
        came = 0
        async for piece in self.data():
            came += len(piece)
            if came > most:
                raise TooLargeError(f"the part {self.name} is larger than {most} bytes")
            yield piece


class _Head(dict[bytes, bytes]):
    """A part begins with these headers, by lower-case names."""


class _End:
    """Of a part."""


class Form:
    """`parts` once. All raise `ClientError` for a form that is none."""

    def __init__(self, content_type: str, blocks: AsyncIterator[bytes]) -> None:
        _, options = parse_options_header(content_type)
        if not options.get(b"boundary"):
            raise ClientError("multipart/form-data lacks its boundary")
        self._blocks = blocks
        self._came: deque[_Head | _End | bytes] = deque()
        self._headers = _Head()
        self._name, self._value = b"", b""
        try:
            self._parser = MultipartParser(options[b"boundary"], self._callbacks())
        except FormParserError as error:
            raise ClientError(f"this is no form: {error}") from None

    async def parts(self) -> AsyncIterator[Part]:
        number = 0
        while (head := await self._next_head()) is not None:
            number += 1
            if number > _MOST_PARTS:
                raise ClientError(f"a form has at most {_MOST_PARTS} parts here")
            yield self._part(head)

    async def next_piece(self) -> bytes | None:
        """Of the part that was last begun; None at its end."""
        piece = await self._next()
        if piece is None:
            raise ClientError("the form breaks off")
        return piece if isinstance(piece, bytes) else None

    async def _next_head(self) -> _Head | None:
        """Whatever nobody has read of the part before is passed over."""
        while (found := await self._next()) is not None:
            if isinstance(found, _Head):
                return found
        return None

    async def _next(self) -> _Head | _End | bytes | None:
        while not self._came:
            block = await anext(self._blocks, None)
            if block is None:
                return None
            try:
                self._parser.write(block)
            except FormParserError as error:
                raise ClientError(f"this is no form: {error}") from None
        return self._came.popleft()

    def _part(self, head: _Head) -> Part:
        _, options = parse_options_header(head.get(b"content-disposition", b""))
        name, file_name = (options.get(key, b"").decode(errors="replace") for key in (b"name", b"filename"))
        return Part(name, file_name, self)

    # What the parser calls

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._more_of_name,
            "on_header_value": self._more_of_value,
            "on_header_end": self._keep_header,
            "on_headers_finished": lambda: self._came.append(self._headers),
            "on_part_data": lambda data, start, end: self._came.append(data[start:end]),
            "on_part_end": lambda: self._came.append(_End()),
        }

    def _begin(self) -> None:
        self._headers = _Head()

    def _more_of_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _more_of_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _keep_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""
