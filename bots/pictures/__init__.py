"""Pictures: photos that people send, made safe; QR codes, curves and thumbnails that we draw.

photos.py decodes what comes from outside, drawing.py makes what goes out. Not a file store
(core/tasks/files.py) and not a door.
"""

from __future__ import annotations

from bots.pictures.drawing import qr_png, stock_curve, task_code, thumbnail
from bots.pictures.photos import LONG_SIDE, MAX_BYTES, Photo, clean_photo, photo

__all__ = [
    "LONG_SIDE",
    "MAX_BYTES",
    "Photo",
    "clean_photo",
    "photo",
    "qr_png",
    "stock_curve",
    "task_code",
    "thumbnail",
]
